"""Where a run lies: a URI, a path, or the name of a run on this machine.

The names are those of the state directories that `collectiverun run` keeps (docs/this-machine.md). Of their
`run.json` are read the name, the root and how storage is reached; nothing is written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs
from pydantic import ValidationError

from collectiverun_trainer.config import STORAGE_OPTIONS
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import StorageOptions

CACHE_VARIABLE: Final = "COLLECTIVERUN_CACHE"
_NAME: Final = re.compile(r"[a-z0-9][-a-z0-9]*")


@dataclass(frozen=True)
class Address:
    """URI of something in storage, and how that storage is reached."""

    uri: str
    options: StorageOptions


@dataclass(frozen=True)
class _Known:
    """A run of this machine: its name, its id (the start of its uid), and where it lies."""

    name: str
    folder: str
    address: Address


def locate(address: str | Path, options: StorageOptions | None = None) -> Address:
    """The address that a person gives: `quickstart`, `quickstart-0b5f1a2c`, `./runs/…`, `s3://…`.

    `options`: how storage is reached; None: as the run of that name reaches it, else without options.

    Raises:
        InputInvalid: no run of this machine has that name, or more than one.
    """
    text = str(address)
    if isinstance(address, str) and _NAME.fullmatch(text):
        known = _named(text)
        return Address(known.uri, options or known.options)
    uri = text if "://" in text else f"file://{Path(text).expanduser().absolute().as_posix()}"
    return Address(uri.rstrip("/"), options or StorageOptions())


def _named(name: str) -> Address:
    known = list(_known_runs())
    found = [run for run in known if name in (run.name, run.folder)]
    if len(found) == 1:
        return found[0].address
    if found:
        roots = ", ".join(run.address.uri for run in found)
        raise InputInvalid(
            f"{len(found)} runs of this machine are called {name!r}; give the root of one: {roots}"
        )
    names = ", ".join(sorted({run.name for run in known})) or "none"
    raise InputInvalid(
        f"no run of this machine is called {name!r} (it knows {names}); give a run's name, or its root as"
        f" ./path, file:// or s3://"
    )


def _known_runs() -> Iterator[_Known]:
    """Every run of this machine that has begun; a damaged state directory is none."""
    cache = Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_path("collectiverun"))
    for path in sorted(cache.expanduser().glob("*/run.json")):
        try:
            yield _known(json.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            continue


def _known(document: dict[str, Any]) -> _Known:
    storage, root = document["spec"]["storage"], document["status"]["resolved"]["storageRoot"]
    options = {name: storage[name] for name in STORAGE_OPTIONS if name in storage}
    address = Address(root, StorageOptions.model_validate(options))
    return _Known(document["metadata"]["name"], root.rsplit("/", 1)[-1], address)
