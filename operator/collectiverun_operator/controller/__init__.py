"""The operator of a cluster: kopf's events put a run's key into a queue; a worker reconciles each key."""
