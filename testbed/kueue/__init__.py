"""Kueue beside a control plane: its manager, its objects on the API server, and queues."""
