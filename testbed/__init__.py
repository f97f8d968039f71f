"""A Kubernetes cluster and an S3 server on this machine, for tests and for people: `python -m testbed`."""
