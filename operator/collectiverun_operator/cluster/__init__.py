"""What a plan is carried out on: the verbs of a cluster (`protocol`), and the two clusters that have them."""
