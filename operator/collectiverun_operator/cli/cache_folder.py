"""The folder below which the state directories of local runs lie: the system's cache, unless overridden."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "COLLECTIVERUN_CACHE"


def cache_folder(override: Path | None = None) -> Path:
    """`override`, else $COLLECTIVERUN_CACHE, else `<system cache>/collectiverun`; absolute."""
    folder = override or os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_path("collectiverun")
    return Path(folder).expanduser().absolute()


def state_folder(run_uid: str, cache: Path | None = None) -> Path:
    """State directory of one run."""
    return cache_folder(cache) / run_uid
