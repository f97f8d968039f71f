"""How students learn beside their controls: alike but for the collective."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.config import EnvironmentSettings, StudentsParams, Task
from collectiverun_trainer.learning.learner import Learner
from collectiverun_trainer.learning.off_policy import OffPolicyLearning
from collectiverun_trainer.learning.seeded_task import seeded
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.outcomes import Outcomes
from collectiverun_trainer.rollouts.policy import ActorPolicy
from collectiverun_trainer.students.guidance import PHASE, ROLES, Guidance


def student_learning(
    tasks: Sequence[Task],
    settings: EnvironmentSettings,
    params: StudentsParams,
    collective: Collective,
    seed: int,
    device: torch.device,
) -> OffPolicyLearning:
    """A student and a control for each task, about to begin; `seed` is the run's."""
    learned = seeded(tasks, [seed])
    guidance = Guidance(collective, learned, params)
    return OffPolicyLearning(PHASE, learned, settings, params, device, roles=ROLES, guide=guidance)


def reported_outcomes(
    learners: Sequence[Learner], params: StudentsParams, settings: EnvironmentSettings, device: torch.device
) -> dict[Task, Outcomes]:
    """Learners of one role at their best, on the reported goals."""
    policies = {
        learner.task.plain: ActorPolicy.of(learner.best("actor"), params.hidden_sizes, device)
        for learner in learners
    }
    return evaluate_reported(policies, list(policies), settings)
