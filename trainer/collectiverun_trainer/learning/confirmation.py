"""The last word on which networks of a learner are published: its best few, on goals that chose none."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from collectiverun_trainer.config import EnvironmentSettings, SACParams
from collectiverun_trainer.learning.learner import Learner
from collectiverun_trainer.order import Success
from collectiverun_trainer.rollouts.evaluation import evaluate_for_selection
from collectiverun_trainer.rollouts.policy import ActorPolicy


def confirm(
    learners: Sequence[Learner], settings: EnvironmentSettings, params: SACParams, device: torch.device
) -> None:
    """Let the candidates of learners that have more than one play as many fresh goals as chose them."""
    for learner in learners:
        candidates = learner.selection.candidates
        if len(candidates) > 1:
            actors = [candidate.state["actor"] for candidate in candidates]
            policies = [ActorPolicy.of(actor, params.hidden_sizes, device) for actor in actors]
            learner.selection.confirm([_success(learner, policy, settings, params) for policy in policies])


def _success(
    learner: Learner, policy: ActorPolicy, settings: EnvironmentSettings, params: SACParams
) -> Success:
    episodes = params.selection_episodes
    outcomes = evaluate_for_selection(policy, [learner.task], settings, episodes, fresh=True)
    return outcomes[learner.task].success
