"""A whole cluster: control plane, nodes, an S3 server, operators; for a test session, or to stay."""
