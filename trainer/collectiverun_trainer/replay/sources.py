"""Who acts in recorded episodes; light, for commands that only check a name."""

SOURCES: tuple[str, ...] = ("training", "policy", "random", "collective", "expert", "crossed")
"""Who acted in an episode; `Episodes.source` holds indices into it. New ones stand at the end."""
