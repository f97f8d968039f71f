"""Soft actor-critic, batched over experts: networks, losses, agent. It must never step environments."""
