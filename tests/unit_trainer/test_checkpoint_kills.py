"""A process that saves checkpoints is killed at any moment: what it said it saved is there."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from unit_trainer.storage_places import new_storage, place

from collectiverun_trainer.artifacts.checkpoint import CheckpointStore

PROGRAM = """
import sys
import torch
from collectiverun_trainer.artifacts.checkpoint import CheckpointStore
from collectiverun_trainer.order import StorageOptions
from collectiverun_trainer.artifacts.storage import Storage

torch.set_num_threads(1)
store = CheckpointStore(Storage(StorageOptions()), sys.argv[1], attempt=int(sys.argv[2]))
found = store.latest()
step = found[0] if found else 0
while True:
    step += 1
    store.save(step, {"step": step, "weight": torch.full((200_000,), float(step))})
    print(step, flush=True)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_was_saved_is_lost(tmp_path: Path, seed: int):
    uri = place("file", tmp_path)
    delays_seconds = random.Random(seed)
    said = 0
    for attempt in (1, 2, 3):
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, uri, str(attempt)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            first = int(process.stdout.readline())
            assert first == said + 1
            time.sleep(delays_seconds.uniform(0.0, 0.3))
            process.kill()
            said = max([first, *map(int, process.stdout.read().split())])
        found = CheckpointStore(new_storage(), uri, attempt=attempt + 1).latest()
        assert found is not None
        # One more than was said: killed between the commit and the saying.
        assert found[0] in (said, said + 1)
        assert found[1]["step"] == found[0]
        assert torch.equal(found[1]["weight"], torch.full((200_000,), float(found[0])))
        said = found[0]
