"""The Kubernetes objects of an attempt: its Job's manifest, the phase order in it, URIs, dry runs. Pure."""
