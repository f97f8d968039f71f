"""What a plan is carried out on: the protocol of a cluster and its two implementations."""
