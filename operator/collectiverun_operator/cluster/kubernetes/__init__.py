"""The API server as a cluster."""
