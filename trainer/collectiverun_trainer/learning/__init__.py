"""Off-policy learning of one task per learner: act, store, learn, evaluate, select.

Experts and students are both this; how they differ is said by parameters. Must never read or write artifacts.
"""
