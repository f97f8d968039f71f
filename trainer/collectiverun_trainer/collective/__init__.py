"""The collective: one network for all tasks, distinguished by their embedding alone.

Must never give the network a task's name or index.
"""
