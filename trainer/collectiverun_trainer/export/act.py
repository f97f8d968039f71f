"""Acts with the policy in this folder: needs onnxruntime and numpy, and nothing else.

python act.py        plays the recorded episode of example.json, and says how far its actions are from torch's
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime


class Policy:
    """The policy of a bundle. `reset(n)` where n episodes begin, then `predict` at each decision."""

    def __init__(self, folder: Path) -> None:
        self.document = json.loads((folder / "policy.json").read_text())
        graphs = {name: self.document.get(name) for name in ("encoder", "actor")}
        self.sessions = {
            name: onnxruntime.InferenceSession(folder / graph["file"], providers=["CPUExecutionProvider"])
            for name, graph in graphs.items()
            if graph
        }
        self.reset()

    def reset(self, n: int = 1) -> None:
        """n episodes begin side by side, with nothing in their windows."""
        length = (self.document.get("window") or {"decisions": 1})["decisions"]
        shapes = {"obs": (n, length, 39), "action": (n, length, 4), "reward": (n, length)}
        self.window = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        self.window["mask"] = np.zeros((n, length), bool)
        self.last: tuple[np.ndarray, np.ndarray] | None = None

    def predict(self, obs: np.ndarray, reward: np.ndarray | None = None) -> np.ndarray:
        """Actions (n, 4) at obs (n, 39); `reward` (n,): what the last actions gained, None at first."""
        obs = np.asarray(obs, np.float32)
        if self.last is not None:
            newest = {"obs": self.last[0], "action": self.last[1], "reward": reward, "mask": True}
            for name, stored in self.window.items():
                stored[:, :-1] = stored[:, 1:]
                stored[:, -1] = newest[name]
        inputs = {"obs": obs}
        if "encoder" in self.sessions:
            inputs["embedding"] = self.sessions["encoder"].run(None, self.window)[0]
        action: np.ndarray = self.sessions["actor"].run(None, inputs)[0]
        self.last = obs, action
        return action


def main() -> None:
    """Play the recorded episode."""
    folder = Path(__file__).parent
    policy, episode = Policy(folder), json.loads((folder / "example.json").read_text())
    largest, reward = 0.0, None
    for step in episode:
        action = policy.predict(np.array([step["obs"]]), reward)
        largest = max(largest, float(np.abs(action[0] - step["action"]).max()))
        reward = np.array([step["reward"]], np.float32)
    print(f"{len(episode)} decisions, the largest difference of an action from torch's is {largest:.1e}")


if __name__ == "__main__":
    main()
