"""How the collective network is taught: losses, labelled rows, gradient steps, rollouts that experts label.

Nothing here reads or writes artifacts, and nothing may give the network, at play or while it learns, a number
that depends on which task a row belongs to. A task's index may balance batches and scale critic targets only.
"""
