"""The experts: how they are trained, and how they label decisions, as one batch.

Must never know the collective that is distilled from them.
"""
