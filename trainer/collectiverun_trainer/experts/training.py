"""How experts learn: off-policy, each until it succeeds often enough or its budget is spent."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams
from collectiverun_trainer.experts.stacked import TrainedExperts
from collectiverun_trainer.learning.learner import Learner
from collectiverun_trainer.learning.off_policy import OffPolicyLearning
from collectiverun_trainer.learning.seeded_task import SeededTask
from collectiverun_trainer.learning.selection import at_success


def expert_learning(
    tasks: Sequence[SeededTask],
    settings: EnvironmentSettings,
    params: ExpertsParams,
    device: torch.device,
) -> OffPolicyLearning:
    """One expert for each task of each seed, about to begin."""
    return OffPolicyLearning(
        "experts",
        tasks,
        settings,
        params,
        device,
        roles=("expert",),
        stop_rule=at_success(params.stop_at_success, params.stop_patience),
        sampled_episodes=params.distill_episodes,
    )


def at_its_best(expert: Learner, params: ExpertsParams, device: torch.device) -> TrainedExperts:
    """The expert as it was at its best evaluation, a stack of one."""
    actor, critics = [expert.best("actor")], [expert.best("critics")]
    return TrainedExperts(
        [expert.task.plain], params.hidden_sizes, params.critic_layer_norm, actor, critics, device
    )
