"""What a cluster is made of, and where it comes from: built by Go or fetched, once, into the user's cache.

Standard library only: `building` runs before the virtual environment exists.
"""


class BuildError(RuntimeError):
    """A program that can't be provided on this machine; the message says why and what to do."""
