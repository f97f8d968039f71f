"""This machine as a cluster: Jobs and Pods as documents in a folder, containers as processes."""
