"""A foreign expert as an artifact of phase `experts`: it plays with real physics, and that is published.

Later phases learn from an expert's episodes, so an expert without any is of no use to them. It plays
`policyEpisodes` without noise, as experts that are trained here do, and `distillEpisodes` with actions drawn
from its Gaussian, as an actor does while it learns, in place of episodes of its training.
"""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
import torch

from collectiverun_trainer.artifacts.artifact import ArtifactWriter, Commit
from collectiverun_trainer.artifacts.reuse import IMPORTED
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams, Task
from collectiverun_trainer.environments.observation import ACTION_SIZE, Array
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.experts.buffers import distill_buffer, policy_episodes
from collectiverun_trainer.experts.stacked import TrainedExperts
from collectiverun_trainer.importing.places import PHASE, member_uri
from collectiverun_trainer.importing.sb3 import ForeignExpert
from collectiverun_trainer.order import Success
from collectiverun_trainer.policy_files.learners import write_imported_expert, write_outcomes
from collectiverun_trainer.process.reporter import METRICS_NAME
from collectiverun_trainer.process.versions import versions
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.replay.shards import write_episodes
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.policy import MemorylessPolicy
from collectiverun_trainer.rollouts.recording import record
from collectiverun_trainer.sac.networks import LOG_STD_MIN
from collectiverun_trainer.seeding import numpy_generator

# The parameters that say something of an expert that was not trained here: `from` compares these alone.
_TOLD: Final = (
    "source", "hidden_sizes", "critic_layer_norm", "reward_scale", "distill_episodes", "policy_episodes",
)  # fmt: skip


def publish(
    storage: Storage,
    root: str,
    task: Task,
    foreign: ForeignExpert,
    settings: EnvironmentSettings,
    params: ExpertsParams,
    seed: int,
) -> tuple[Commit, Success, float]:
    """Let the expert play, and publish it as `<root>/experts/<task>`.

    Args:
        params: whose networks' sizes are the expert's; its critics are scaled to `rewardScale`.
        seed: of its random actions, and of which episodes are held out.

    Returns:
        The artifact; success on the reported goals; the share (0 to 1) of its spreads, over all rows and
        dimensions of its actions, that were below what networks here can have.
    """
    began = time.monotonic(), time.process_time()
    critics = _scaled(foreign.critics, params.reward_scale)
    writer = ArtifactWriter(
        storage, join(member_uri(root, task), "attempt-1", str(foreign.about["sha256"])[:8])
    )
    # Storage that can't be written is found before anything is played.
    write_imported_expert(writer, task, (foreign.actor, critics), params, foreign.about)
    expert = TrainedExperts(
        [task], params.hidden_sizes, False, [foreign.actor], [critics], torch.device("cpu")
    )
    policies = {task: expert.policy_for(task)}
    outcomes = evaluate_reported(policies, [task], settings)[task]
    parts = [_sampled(expert, task, settings, params.distill_episodes, seed)]
    parts += policy_episodes(policies, settings, params.policy_episodes)
    buffer = distill_buffer(expert, parts, numpy_generator(seed, PHASE, task, "split"))
    write_outcomes(writer, outcomes, "expert")
    write_episodes(writer, f"{task.name}/buffer_distill", buffer)
    writer.add(METRICS_NAME, b"")  # nothing was learned here
    spent = time.monotonic() - began[0], time.process_time() - began[1]
    env_steps = buffer.rows * settings.action_repeat
    manifest = _manifest(task, foreign, settings, params, seed, env_steps, outcomes.success, spent)
    narrow = float((buffer.log_std <= LOG_STD_MIN).float().mean())
    return writer.commit(manifest), outcomes.success, narrow


def _scaled(critics: dict[str, torch.Tensor], factor: float) -> dict[str, torch.Tensor]:
    """The same critics in units of the scaled reward: their last layers are linear."""
    last = max(int(name.split(".")[2]) for name in critics)
    return {
        name: value * factor if name.startswith(f"net.layers.{last}.") else value
        for name, value in critics.items()
    }


def _sampled(
    expert: TrainedExperts, task: Task, settings: EnvironmentSettings, count: int, seed: int
) -> Episodes:
    generator = numpy_generator(seed, PHASE, task, "training")
    goals = generator.integers(settings.goals, size=(1, count))
    recording = record(VectorEnvironment((task,), settings), _Sampling(expert, generator), goals)
    return recording.episodes(0, task, "training")


class _Sampling(MemorylessPolicy):
    """Actions drawn from the Gaussian of an expert that stands alone in its stack."""

    def __init__(self, expert: TrainedExperts, generator: np.random.Generator) -> None:
        self._expert, self._generator = expert, generator

    def act(self, obs: Array) -> Array:
        """Actions (n, 4)."""
        mu, log_std = self._expert.gaussian(np.zeros(len(obs), dtype=np.int64), obs)
        noise = torch.from_numpy(self._generator.standard_normal((len(obs), ACTION_SIZE), dtype=np.float32))
        action: Array = torch.tanh(mu + log_std.exp() * noise).numpy()
        return action


def _manifest(
    task: Task,
    foreign: ForeignExpert,
    settings: EnvironmentSettings,
    params: ExpertsParams,
    seed: int,
    env_steps: int,
    success: Success,
    spent_seconds: tuple[float, float],
) -> dict[str, Any]:
    """What the phase itself writes of an expert, with what it was made of in place of a run."""
    wall, cpu = spent_seconds
    rates = success.model_dump(by_alias=True)
    return {
        "run": None,
        "phase": PHASE,
        "member": task.name,
        "attempt": 1,
        "tasks": [task.model_dump(by_alias=True)],
        "config": {
            "seed": seed,
            "environment": settings.model_dump(by_alias=True, mode="json"),
            "params": params.model_dump(by_alias=True, mode="json", include=set(_TOLD)),
        },
        IMPORTED: foreign.about,
        "parents": {},
        "reused": [],
        "envSteps": env_steps,
        "success": rates,
        "result": {"exitCode": 0, "reason": "Succeeded", "envSteps": env_steps, "success": rates},
        "extra": {"source": params.source, "success": {task.name: rates}},
        "wallSeconds": round(wall, 3),
        "cpuSeconds": round(cpu, 3),
        "versions": versions(),
    }
