"""Off-policy learning of one task per learner: act, store, learn, evaluate, select.

Experts and students both learn so; parameters and a guide make the difference. Must never read or write
artifacts.
"""
