"""Lets lerobot read what `collectiverun export dataset --format lerobot` wrote, and compares every number.

    python3.12 -m venv /tmp/lerobot && /tmp/lerobot/bin/pip install 'lerobot[dataset]==0.6.1'    # 5 GB
    .venv/bin/python benchmarks/lerobot_reads.py RUN /tmp/lerobot/bin/python

RUN is a name or a root. lerobot needs an older torch and a newer Python than this project, so it has an
environment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

READ = """
import json, sys
import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset
folder, file = sys.argv[1:]
dataset = LeRobotDataset("local/exported", root=folder)
expected, largest = np.load(file), 0.0
for number in range(len(dataset)):
    frame = dataset[number]
    for key in ("observation.state", "action", "next.reward", "next.success"):
        difference = np.abs(np.asarray(frame[key], np.float64) - expected[key][number]).max()
        largest = max(largest, float(difference))
ahead = {"action": [0, 1 / dataset.fps]}
ahead = LeRobotDataset("local/exported", root=folder, episodes=[1], delta_timestamps=ahead)
last = ahead[len(ahead) - 1]
print(json.dumps({
    "frames": len(dataset), "episodes": dataset.num_episodes, "fps": dataset.fps,
    "largest difference": largest,
    "tasks": list(dataset.meta.tasks.index), "task of the last frame": frame["task"],
    "source of the last episode": dataset.meta.episodes[-1]["source"],
    "an action after the last of an episode is padding": last["action_is_pad"].tolist() == [False, True],
}, indent=1))
"""


def main(run: str, python: str) -> None:
    """Export both buffers and let lerobot read them."""
    from collectiverun_trainer.commands.export_dataset import run as export
    from collectiverun_trainer.commands.requests import ExportDatasetRequest
    from collectiverun_trainer.export.datasets.episodes import one_by_one
    from collectiverun_trainer.learned import open_run

    opened = open_run(run)
    for buffer in ("experts", "online"):
        with tempfile.TemporaryDirectory() as folder:
            request = {"run": run, "output": f"{folder}/dataset", "format": "lerobot", "buffer": buffer}
            export(ExportDatasetRequest.model_validate(request))
            parts = (
                map(opened.expert_episodes, opened.tasks)
                if buffer == "experts"
                else [opened.online_episodes()]
            )
            episodes = list(one_by_one(parts))
            columns = {
                "observation.state": np.concatenate([episode.obs[:-1] for episode in episodes]),
                "action": np.concatenate([episode.action for episode in episodes]),
                "next.reward": np.concatenate([episode.reward for episode in episodes]),
                "next.success": np.concatenate([episode.success for episode in episodes]),
            }
            np.savez(Path(folder) / "expected.npz", **columns)
            words = [python, "-c", READ, f"{folder}/dataset", f"{folder}/expected.npz"]
            environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": f"{folder}/cache", "PATH": "/usr/bin:/bin"}
            done = subprocess.run(words, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            told = json.loads(done.stdout)
            print(buffer, json.dumps(told, indent=1))
            same = told["largest difference"] == 0 and told["frames"] == len(columns["action"])
            if not same or told["episodes"] != len(episodes):
                sys.exit(f"the {buffer} buffer is read otherwise than it was recorded")


if __name__ == "__main__":
    main(*sys.argv[1:])
