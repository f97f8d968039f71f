"""The operator as a service of a cluster: watch events in, a queue of runs, rounds, health, metrics."""
