"""Where this half keeps what it keeps: the system's cache folder, or the one that is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "COLLECTIVERUN_CACHE"


def cache_folder(override: Path | None = None) -> Path:
    """`asked`, else $COLLECTIVERUN_CACHE, else `<system cache>/collectiverun`; absolute."""
    folder = override or os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_path("collectiverun")
    return Path(folder).expanduser().absolute()


def record_folder(run_uid: str, cache: Path | None = None) -> Path:
    """Folder of one run's record."""
    return cache_folder(cache) / run_uid
