"""A folder for a model hub: the collective, a card of what it reaches, what made it. Nothing is pushed."""
