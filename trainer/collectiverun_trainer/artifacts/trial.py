"""Whether an attempt can write where it will: found out before it trains, not at its first checkpoint."""

from __future__ import annotations

from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.order import PhaseOrder

_CONTENT = b"An attempt tried whether it can write here. It may be removed."


def require_writable(storage: Storage, order: PhaseOrder, pod: str) -> None:
    """Write a small object at the member's URI and remove it again.

    Raises StorageRefused or StorageUnavailable as every write does; `pod` keeps two of them apart.
    """
    uri = join(order.member_uri, f"trial-of-{pod}")
    storage.write(uri, _CONTENT)
    storage.delete_tree(uri)
