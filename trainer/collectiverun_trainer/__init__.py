"""The half that learns: one phase of a run, from storage addresses to storage addresses.

Its job: read a phase order, read the artifacts the order names, train, publish one artifact, say so in
one line.
It must never know of Kubernetes, import the operator, find inputs by listing storage, or unpickle anything.
"""
