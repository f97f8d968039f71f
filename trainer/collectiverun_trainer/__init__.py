"""The half that trains: one phase of a run, from storage URIs to storage URIs.

It reads a phase order, reads the artifacts that the order names, trains, publishes one artifact and reports
the result in one line. It must never know of Kubernetes, import the operator, find inputs by listing
storage, or unpickle anything.
"""
