"""The control plane, its credentials, and its clients: kubectl, helm, and JSON over HTTPS."""
