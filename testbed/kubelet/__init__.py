"""A node: registers, runs the Pods it is given as processes or only says so, serves their logs."""
