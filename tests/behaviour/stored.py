"""What a run left in the S3 server: read with a client of the tests' own, never with the product's."""

from __future__ import annotations

import json
import re
from typing import Any

import s3fs
from behaviour.live_run import LiveRun
from testbed.object_store import ObjectStore

_CHECKPOINT = re.compile(r"/checkpoints/attempt-\d+-step-(\d+)/_SUCCESS$")


def committed_checkpoint_steps(run: LiveRun, phase: str = "experts") -> list[int]:
    """Steps of the checkpoints of a phase that are whole."""
    root = run.status.get("resolved", {}).get("storageRoot")
    if root is None:
        return []
    paths = file_system(run.cluster.object_store).glob(f"{root}/{phase}/*/checkpoints/*/_SUCCESS")
    return sorted(int(match[1]) for path in paths if (match := _CHECKPOINT.search(path)))


def manifest(run: LiveRun, phase: str = "experts", index: int = 0) -> dict[str, Any]:
    """The manifest of a succeeded member's artifact."""
    document: dict[str, Any] = json.loads(
        file_system(run.cluster.object_store).cat(f"{artifact_uri(run, phase, index)}/manifest.json")
    )
    return document


def file_digests(run: LiveRun, phase: str = "experts") -> dict[str, str]:
    """Digest of every file of the artifact of a phase's first member."""
    return {name: entry["sha256"] for name, entry in manifest(run, phase)["files"].items()}


def artifact_uri(run: LiveRun, phase: str, index: int = 0) -> str:
    """Where a succeeded member's artifact lies."""
    return f"{run.status['resolved']['storageRoot']}/{run.member(index, phase)['uri']}"


def file_system(store: ObjectStore) -> s3fs.S3FileSystem:
    """The server as a file system that remembers nothing."""
    s3fs.S3FileSystem.clear_instance_cache()
    return s3fs.S3FileSystem(
        key=store.access_key,
        secret=store.secret_key,
        client_kwargs={"endpoint_url": store.endpoint},
        use_listings_cache=False,
    )
