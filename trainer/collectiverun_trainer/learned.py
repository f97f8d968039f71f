"""What a run has learned, for a loop of one's own.

policy = load_policy("examples/runs/default/quickstart-0b5f1a2c")
policy.reset()
action = policy.predict(obs)              # at the episode's first observation
action = policy.predict(obs, reward)      # later: the reward that the last action gained
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import ArrayLike

from collectiverun_trainer.artifacts.artifact import COMMIT_NAME, Artifact
from collectiverun_trainer.artifacts.commits import committed
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.config import EnvironmentSettings, Phase
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, Array
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import StorageOptions
from collectiverun_trainer.policy_files import load_collective

_PHASES: Final[tuple[Phase, ...]] = ("refinement", "onlineDistillation")
"""Those that publish a collective, the latest first."""


class LearnedPolicy:
    """The collective: it makes out the task from the observations and rewards of the episode so far."""

    def __init__(self, uri: str, collective: Collective, environment: EnvironmentSettings) -> None:
        self.uri = uri
        """The artifact that it is of."""
        self.tasks = collective.tasks
        """The tasks it was taught."""
        self.environment = environment
        """How these were stepped: the horizon, and the env steps for which an action is held."""
        self._policy = collective.policy()
        self._last: tuple[Array, Array] | None = None

    def reset(self, episodes: int = 1) -> None:
        """So many episodes begin side by side; nothing is remembered of earlier ones."""
        self._policy.begin(episodes)
        self._last = None

    def predict(self, obs: ArrayLike, reward: ArrayLike | None = None) -> Array:
        """Actions (…, 4) in [-1, 1] at Meta-World's observations (39,), or (n, 39) of n episodes.

        `reward`: what the last action gained, Meta-World's 0 to 10, mean over the env steps that it was held
        for; none at the first observation.

        Raises:
            ValueError: numbers of another shape than these, or no reward where one is needed.
        """
        given = np.asarray(obs, dtype=np.float32)
        if given.ndim not in (1, 2) or given.shape[-1] != OBS_SIZE:
            raise ValueError(f"obs must be of shape ({OBS_SIZE},) or (n, {OBS_SIZE}), not {given.shape}")
        rows = given.reshape(-1, OBS_SIZE)
        if self._last is not None:
            self._policy.observe(*self._last, _rewards(reward, len(self._last[0])))
        action = self._policy.act(rows)
        self._last = rows.copy(), action
        return action.reshape(*given.shape[:-1], ACTION_SIZE)


def _rewards(reward: ArrayLike | None, episodes: int) -> Array:
    if reward is None:
        raise ValueError("predict needs the reward of the last action; call reset where an episode begins")
    rewards = np.asarray(reward, dtype=np.float32).reshape(-1)
    if len(rewards) != episodes:
        raise ValueError(f"{len(rewards)} rewards for {episodes} episodes")
    return rewards


def load_policy(
    address: str | Path, options: StorageOptions | None = None, device: str = "cpu"
) -> LearnedPolicy:
    """The collective of a run.

    Args:
        address: path or URI of the run's folder, or of an artifact of refinement or onlineDistillation.
        options: how an S3 server other than AWS is reached; keys come from the environment (AWS_*).
        device: where it computes.

    Raises:
        InputInvalid: there is no collective, or it is damaged.
    """
    storage, uri = Storage(options or StorageOptions()), _uri(address)
    artifact = Artifact.open(storage, _collective_uri(storage, uri))
    environment = EnvironmentSettings.model_validate(artifact.manifest["config"]["environment"])
    return LearnedPolicy(artifact.uri, load_collective(artifact, torch.device(device)), environment)


def _uri(address: str | Path) -> str:
    text = str(address)
    return text if "://" in text else f"file://{Path(text).expanduser().absolute().as_posix()}"


def _collective_uri(storage: Storage, uri: str) -> str:
    if storage.exists(join(uri, COMMIT_NAME)):
        return uri
    for phase in _PHASES:
        for found in committed(storage, join(uri, phase, "all")):
            return found
    raise InputInvalid(
        f"{uri} holds no collective; give the folder of a run, <storage.uri>/<namespace>/<name>-<id>,"
        f" that has done onlineDistillation, or of an artifact of {' or '.join(_PHASES)}"
    )
