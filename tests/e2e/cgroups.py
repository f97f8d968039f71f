"""The control groups below which the node puts its Pods; one that was killed leaves them behind."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

from testbed.waiting import eventually

ROOT = "/collectiverun-e2e"
_MOUNT = Path("/sys/fs/cgroup")
_LIMIT_SECONDS = 60.0


def make_empty() -> None:
    """The node's root group in every hierarchy, with nothing of an earlier session in it."""
    remove()
    for root in roots():
        root.mkdir()
    _give_processors()


def remove() -> None:
    """Take the groups away; their processes have ended."""
    for root in roots():
        # The deepest first: a group goes when it has no groups in it.
        for group in sorted(root.glob("**/"), key=lambda path: len(path.parts), reverse=True):
            eventually(partial(_is_removed, group), f"{group} goes", _LIMIT_SECONDS)


def _is_removed(group: Path) -> bool:
    """A group can go when its last process has, which takes the kernel a moment after a kill."""
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.is_dir()


def roots() -> list[Path]:
    """The node's root group in every hierarchy."""
    return [hierarchy / ROOT.strip("/") for hierarchy in _hierarchies()]


def _hierarchies() -> list[Path]:
    """Mount points: one with all controllers, or one for each (version 1)."""
    if (_MOUNT / "cgroup.controllers").exists():
        return [_MOUNT]
    return [path for path in _MOUNT.iterdir() if path.is_dir() and not path.is_symlink()]


def _give_processors() -> None:
    """In version 1 a new group may use no processor until it is told which."""
    group = _MOUNT / "cpuset" / ROOT.strip("/")
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (group / name).exists():
            (group / name).write_text((group.parent / name).read_text())
