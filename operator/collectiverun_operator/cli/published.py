"""Whether what a run published on this machine is still there; what lies in a bucket is not looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.errors import CollectiveRunError
from collectiverun_operator.jobs.uris import absolute_uri

_SCHEME = "file://"
_COMMIT, _MANIFEST = "_SUCCESS", "manifest.json"


class LostArtifactsError(CollectiveRunError):
    """Artifacts that the run published are missing."""


def check_published(status: RunStatus, state_folder: Path) -> None:
    """Raise LostArtifactsError, with all that is gone and what to do, if anything published is missing."""
    root = status.storage_root
    if not root.startswith(_SCHEME):
        return
    lost = list(_lost(status))
    if not lost:
        return
    raise LostArtifactsError(
        "what this run published is gone:\n"
        + "".join(f"  {path}\n" for _, path in lost)
        + f"restore it; or, to make it again, remove {state_folder} and {_made_from(lost, root)}: "
        "what is left is not made twice"
    )


def _made_from(lost: list[tuple[str, Path]], root: str) -> str:
    """The folders of the first phase that lost something and of all later ones, which may have read it."""
    phases = [phase.name for phase in PHASES]
    first = min(phases.index(phase) for phase, _ in lost)
    folders = (Path(root.removeprefix(_SCHEME), name) for name in phases[first:])
    return ", ".join(str(folder) for folder in folders if folder.exists()) or "nothing else"


def _lost(status: RunStatus) -> Iterator[tuple[str, Path]]:
    """Each missing file with its phase; a folder that is gone as a whole counts as one."""
    for phase, member in status.members():
        if member.uri:
            folder = Path(absolute_uri(status.storage_root, member.uri).removeprefix(_SCHEME))
            yield from ((phase, path) for path in _lost_of(folder))


def _lost_of(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        yield folder
        return
    for name in (_COMMIT, _MANIFEST, *_files(folder / _MANIFEST)):
        if not (folder / name).is_file():
            yield folder / name


def _files(manifest: Path) -> tuple[str, ...]:
    """The files that a manifest names; of a damaged one none, which its readers tell."""
    try:
        return tuple(json.loads(manifest.read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
