"""Phase `students`: what the collective is worth to someone who learns a single task anew.

Reads the collective (refined, where there is refinement). Per task two soft actor-critics learn side by side
with equal seeds and budgets: the student, rewarded for acting as the collective would (or started from its
weights), and a control that knows nothing of it. Writes both policies, their outcomes on the reported goals,
and their learning curves. See docs/phases/students.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from collectiverun_trainer.collective.network import Collective, load_collective
from collectiverun_trainer.collective.publication import figures
from collectiverun_trainer.config import StudentsParams, Task
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.learning.selection import mean_success
from collectiverun_trainer.order import Phase, PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.rollouts.evaluation import Outcomes
from collectiverun_trainer.students.files import ROLES, Role, write_curves, write_learner
from collectiverun_trainer.students.training import StudentTraining


def run(context: PhaseContext) -> PhaseResult:
    """Let students and controls learn the order's tasks, and publish both."""
    training = _prepare(context)
    if saved := context.checkpoints.latest():
        training.load_state_dict(saved[1]["training"])
        context.reporter.load_state_dict(saved[1]["reporter"])
    else:
        training.demonstrate()
    while training.decisions < training.timetable.decisions:
        _report_episode(context, training, training.run_episode())
        if training.timetable.evaluation_due(training.decisions):
            _report_evaluation(context, training, training.evaluate())
        context.checkpoint_or_stop(
            training.env_steps,
            lambda: {"training": training.state_dict(), "reporter": context.reporter.state_dict()},
            every=training.params.checkpoint_every_env_steps,
        )
    return _publish(context, training)


def _prepare(context: PhaseContext) -> StudentTraining:
    params = context.params(StudentsParams)
    source: Phase = "refinement" if context.order.inputs.get("refinement") else "onlineDistillation"
    (_, artifact), *_ = context.inputs(source)
    collective = load_collective(artifact, context.device)
    if params.mode == "finetune":
        _check_sizes(params, collective)
    order = context.order
    return StudentTraining(order.tasks, order.environment, params, collective, order.seed, context.device)


def _check_sizes(params: StudentsParams, collective: Collective) -> None:
    """Raises InvalidConfiguration if a student can't take the collective's weights."""
    sizes = collective.network.hidden_sizes
    if params.hidden_sizes != sizes or not params.critic_layer_norm:
        given = f"{list(params.hidden_sizes)!r} with criticLayerNorm {params.critic_layer_norm!r}"
        raise InvalidConfiguration(
            f"params.hiddenSizes: {given} can't start from the collective's weights; "
            f"mode 'finetune' needs {list(sizes)!r} with criticLayerNorm True."
        )


def _publish(context: PhaseContext, training: StudentTraining) -> PhaseResult:
    """Best policies with their success on the reported goals, and the curves."""
    total = training.total_env_steps
    context.reporter.progress(total, total, training.success, "evaluating")
    writer = context.writer()
    learners = training.learners()
    for learner in learners:
        write_learner(writer, learner, training.params)
    for task, *selections in zip(training.tasks, *training.selections.values(), strict=True):
        write_curves(writer, task, *selections)
    success = {
        role: mean_success(learner.outcomes for learner in learners if learner.role == role) for role in ROLES
    }
    extra = {"mode": training.params.mode, "control": success["control"].model_dump(by_alias=True)}
    return context.publish(writer, success["student"], total, extra=extra)


def _report_episode(context: PhaseContext, training: StudentTraining, found: Mapping[str, Tensor]) -> None:
    weights = training.guidance.weights(training.env_steps)
    for index, task in enumerate(training.tasks):
        values = {
            f"{role}/{name}": float(column[2 * index + offset])
            for offset, role in enumerate(ROLES)
            for name, column in found.items()
        }
        _report(context, training, values | {"shaping/weight": float(weights[index])}, task)
    done = training.env_steps * len(training.tasks) * len(ROLES)
    context.reporter.progress(done, training.total_env_steps, training.success)


def _report_evaluation(
    context: PhaseContext, training: StudentTraining, outcomes: Mapping[Role, Mapping[Task, Outcomes]]
) -> None:
    for task in training.tasks:
        values = {
            f"{role}/{name}": value
            for role, by_task in outcomes.items()
            for name, value in figures(by_task[task]).items()
        }
        _report(context, training, values, task)


def _report(
    context: PhaseContext, training: StudentTraining, values: Mapping[str, float], task: Task
) -> None:
    gradient_steps = training.timetable.gradient_steps(training.decisions)
    context.reporter.metrics(training.env_steps, gradient_steps, values, task)
