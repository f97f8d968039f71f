"""Phase `students`: what the collective is worth to a new learner of a single task.

Reads the collective (refined, where there is refinement). Per task two soft actor-critics learn side by side
with equal seeds and budgets: the student, rewarded for acting as the collective would (or started from its
weights), and a control that is not helped by it. Writes both policies, their outcomes on the reported goals,
and their learning curves. See docs/phases/students.md.
"""

from __future__ import annotations

from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.config import StudentsParams
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.learning.off_policy import OffPolicyLearning
from collectiverun_trainer.learning.training import best_success, train
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.policy_files.collectives import load_collective
from collectiverun_trainer.policy_files.learners import write_curves, write_outcomes, write_student
from collectiverun_trainer.rollouts.outcomes import mean_success
from collectiverun_trainer.students.training import reported_outcomes, student_learning


def run(context: PhaseContext) -> PhaseResult:
    """Let students and controls learn the order's tasks, and publish both."""
    params, order = context.params(StudentsParams), context.order
    collective = _collective(context, params)
    learning = student_learning(
        order.tasks, order.environment, params, collective, order.seed, context.device
    )
    if not context.resume(learning):
        learning.demonstrate()
    train(learning, context.reporter, context.checkpoint_or_stop)
    return _publish(context, params, learning)


def _collective(context: PhaseContext, params: StudentsParams) -> Collective:
    """The refined collective where there is one."""
    (_, artifact), *_ = context.inputs_of_first("refinement", "onlineDistillation")
    collective = load_collective(artifact, context.device)
    if params.mode == "finetune":
        _check_sizes(params, collective)
    return collective


def _check_sizes(params: StudentsParams, collective: Collective) -> None:
    """Raises InvalidConfiguration if a student cannot take the collective's weights."""
    sizes = collective.network.hidden_sizes
    if params.hidden_sizes != sizes or not params.critic_layer_norm:
        given = f"{list(params.hidden_sizes)!r} with criticLayerNorm {params.critic_layer_norm!r}"
        raise InvalidConfiguration(
            f"params.hiddenSizes: {given} cannot start from the collective's weights; "
            f"mode 'finetune' needs {list(sizes)!r} with criticLayerNorm True."
        )


def _publish(context: PhaseContext, params: StudentsParams, learning: OffPolicyLearning) -> PhaseResult:
    """Best policies with their success on the reported goals, and the curves."""
    total = sum(learner.env_steps for learner in learning.learners)
    context.reporter.progress(total, total, best_success(learning), "evaluating")
    writer, success = context.writer(), {}
    for role in learning.roles:
        learners = learning.in_role(role)
        outcomes = reported_outcomes(learners, params, context.order.environment, context.device)
        for learner in learners:
            write_student(writer, learner, params)
            write_outcomes(writer, outcomes[learner.task.plain], role)
        success[role] = mean_success(outcomes.values())
    for student, control in zip(learning.in_role("student"), learning.in_role("control"), strict=True):
        write_curves(writer, student, control)
    extra = {"mode": params.mode, "control": success["control"].model_dump(by_alias=True)}
    return context.publish(writer, success["student"], total, learning.guide.note(), extra)
