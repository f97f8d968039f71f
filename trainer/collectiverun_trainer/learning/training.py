"""The training loop of off-policy learners: episodes, evaluations, checkpoints, and what is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor

from collectiverun_trainer.learning.learner import Role
from collectiverun_trainer.learning.off_policy import OffPolicyLearning
from collectiverun_trainer.learning.seeded_task import SeededTask
from collectiverun_trainer.order import Success
from collectiverun_trainer.process.reporter import Reporter
from collectiverun_trainer.rollouts.outcomes import Outcomes, mean_of

Checkpoint = Callable[[int, int], None]
"""Takes (env steps of each learner, env steps between two checkpoints) where one may be saved."""


def train(learning: OffPolicyLearning, reporter: Reporter, checkpoint: Checkpoint) -> None:
    """Episode after episode, evaluated and saved at fixed distances, until no learner is left.

    A learner whose losses are no numbers any more stops, with its best so far; others go on untouched.
    Learners that begin as imitators are evaluated as such: nothing that is learned worse is published.
    """
    if learning.decisions == 0 and learning.params.imitation_gradient_steps:
        _report_evaluation(learning, reporter, learning.evaluate())
    while learning.active:
        _report_episode(learning, reporter, learning.run_episode())
        _report_diverged(learning, reporter, learning.stop_diverged())
        if learning.active and learning.evaluation_due:
            _report_evaluation(learning, reporter, learning.evaluate())
            learning.stop_finished()
        checkpoint(learning.env_steps, learning.params.checkpoint_every_env_steps if learning.active else 1)


def _report_episode(learning: OffPolicyLearning, reporter: Reporter, metrics: Mapping[str, Tensor]) -> None:
    gradient_steps = learning.schedule.gradient_steps(learning.decisions)
    guidance = learning.guide.task_metrics(learning.env_steps)
    roles = list(_prefixes(learning))
    for index, task in enumerate(learning.tasks):
        values = {
            f"{prefix}{name}": float(column[index * len(roles) + offset])
            for offset, (_, prefix) in enumerate(roles)
            for name, column in metrics.items()
        }
        values |= {name: float(column[index]) for name, column in guidance.items()}
        reporter.metrics(learning.env_steps, gradient_steps, values, task, _told_seed(learning, task))
    done = sum(learner.env_steps for learner in learning.learners)
    left = len(learning.active) * (learning.schedule.total_env_steps - learning.env_steps)
    reporter.progress(done, done + left, best_success(learning))


def _told_seed(learning: OffPolicyLearning, task: SeededTask) -> int | None:
    """The seed of a task's learners, where there are several."""
    return task.seed if len({learner.task.seed for learner in learning.learners}) > 1 else None


def _report_diverged(learning: OffPolicyLearning, reporter: Reporter, tasks: Sequence[SeededTask]) -> None:
    for task in tasks:
        seed = _told_seed(learning, task)
        name = task.name if seed is None else f"{task.name} of seed {seed}"
        reporter.log(
            f"{name} stops: a loss is no number any more. Its best network so far is published; other"
            " tasks go on.",
            level="warning",
        )


def _report_evaluation(
    learning: OffPolicyLearning, reporter: Reporter, outcomes: Mapping[Role, Mapping[SeededTask, Outcomes]]
) -> None:
    gradient_steps = learning.schedule.gradient_steps(learning.decisions)
    for task in learning.tasks:
        values = {
            f"{prefix}{name}": value
            for role, prefix in _prefixes(learning)
            for name, value in outcomes[role][task].metrics().items()
        }
        reporter.metrics(learning.env_steps, gradient_steps, values, task, _told_seed(learning, task))


def _prefixes(learning: OffPolicyLearning) -> Iterator[tuple[Role, str]]:
    """Each role with the prefix of its metrics; a single role needs none."""
    for role in learning.roles:
        yield role, f"{role}/" if len(learning.roles) > 1 else ""


def best_success(learning: OffPolicyLearning) -> Success | None:
    """Mean of the best success on selection goals, of the first role; None before an evaluation."""
    learners = learning.in_role(learning.roles[0])
    best = [success for learner in learners if (success := learner.selection.best)]
    return mean_of(best) if best else None
