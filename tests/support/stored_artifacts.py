"""What a run left in the S3 server: read with a client of the tests' own, never with the product's."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import s3fs
from support.live_run import LiveRun
from testbed.object_store import ObjectStore

_CHECKPOINT = re.compile(r"/checkpoints/attempt-\d+-step-(\d+)-\w+/_SUCCESS$")


class StoredArtifacts:
    """The artifacts of a run."""

    def __init__(self, store: ObjectStore, run: LiveRun) -> None:
        self._run = run
        s3fs.S3FileSystem.clear_instance_cache()
        self.files = s3fs.S3FileSystem(
            key=store.access_key,
            secret=store.secret_key,
            client_kwargs={"endpoint_url": store.endpoint},
            use_listings_cache=False,
        )

    def checkpoint_steps(self, phase: str = "experts") -> list[int]:
        """Steps of the checkpoints of a phase that are whole."""
        paths = self._glob(f"{phase}/*/checkpoints/*/_SUCCESS")
        return sorted(int(match[1]) for path in paths if (match := _CHECKPOINT.search(path)))

    def commits(self) -> Counter[tuple[str, ...]]:
        """How many artifacts each member, as (phase, name), committed."""
        return Counter(tuple(path.split("/")[-5:-3]) for path in self._glob("*/*/attempt-*/*/_SUCCESS"))

    def uri(self, phase: str = "experts", index: int = 0) -> str:
        """Where the artifact of a phase's member lies, which has succeeded."""
        return f"{self._run.status['resolved']['storageRoot']}/{self._run.member(index, phase)['uri']}"

    def manifest(self, phase: str = "experts", index: int = 0) -> dict[str, Any]:
        """Its manifest."""
        return dict(json.loads(self.files.cat(f"{self.uri(phase, index)}/manifest.json")))

    def digests(self, phase: str = "experts", index: int = 0) -> dict[str, str]:
        """Digest of every file of it."""
        return {name: entry["sha256"] for name, entry in self.manifest(phase, index)["files"].items()}

    def _glob(self, pattern: str) -> list[str]:
        root = self._run.status.get("resolved", {}).get("storageRoot")
        return [] if root is None else list(self.files.glob(f"{root}/{pattern}"))
