"""What an attempt consists of in Kubernetes: the Job manifest, its phase order, URIs, dry runs. Pure."""
