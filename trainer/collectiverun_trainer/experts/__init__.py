"""The experts as teachers: trained or scripted, asked as one batch for what they would do.

Must never train: `learning` does, with the parameters of phase `experts`.
"""
