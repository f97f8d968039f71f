"""Phase `experts`: one soft actor-critic per (robot, task), all tasks of the Job trained as one stack.

Reads nothing, or the experts of an earlier run, which are copied. Writes per task the policy and its critics
at the best evaluation, and `buffer_distill`: whole episodes, from all of training and of that policy, every
row labelled by it.
See docs/phases/experts.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from collectiverun_trainer.artifacts.artifact import ArtifactWriter
from collectiverun_trainer.config import ExpertsParams, Task
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.experts.buffers import distill_buffer, policy_episodes
from collectiverun_trainer.experts.stacked import ScriptedExperts, StackedExperts
from collectiverun_trainer.experts.training import at_its_best, expert_learning
from collectiverun_trainer.learning.training import train
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.phases.reuse import copy_expert, reused_experts, told_reuse
from collectiverun_trainer.policy_files import write_expert, write_outcomes, write_scripted_expert
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.replay.shards import write_episodes
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.outcomes import Outcomes, mean_success
from collectiverun_trainer.rollouts.policy import PolicyPerTask
from collectiverun_trainer.rollouts.recording import record
from collectiverun_trainer.rollouts.scripted import NoisyScriptedPolicy
from collectiverun_trainer.seeding import numpy_generator


def run(context: PhaseContext) -> PhaseResult:
    """Train the experts of the order's tasks, or take scripted ones; evaluate, label and publish them.

    Those that an earlier run has trained are copied.
    """
    params, reused = context.params(ExpertsParams), reused_experts(context)
    tasks = [task for task in context.order.tasks if task not in reused]
    writer = context.writer()
    outcomes, env_steps = {}, 0
    if tasks:
        made = (_script if params.source == "scripted" else _train)(context, params, writer, tasks)
        outcomes, env_steps = _write(context, params, writer, made), made.env_steps
    for task, artifact in reused.items():
        outcomes[task] = copy_expert(context, writer, artifact, task)
    success = {task.name: outcomes[task].success.model_dump(by_alias=True) for task in context.order.tasks}
    extra = {"source": params.source, "success": success}
    note = told_reuse(context, reused)
    return context.publish(writer, mean_success(outcomes.values()), env_steps, note, extra)


class _Made(NamedTuple):
    """Experts that this phase made, with the episodes of each from its training, and what all these took."""

    tasks: Sequence[Task]
    experts: Sequence[StackedExperts]
    training: Sequence[Episodes]
    env_steps: int


def _train(
    context: PhaseContext, params: ExpertsParams, writer: ArtifactWriter, tasks: Sequence[Task]
) -> _Made:
    """Soft actor-critics at their best evaluations."""
    order = context.order
    learning = expert_learning(tasks, order.environment, params, order.seed, context.device)
    if not context.resume(learning):
        learning.demonstrate()
    train(learning, context.reporter, context.checkpoint_or_stop)
    for expert in learning.learners:
        write_expert(writer, expert, params)
    env_steps = sum(expert.env_steps for expert in learning.learners)
    episodes = [expert.episodes for expert in learning.learners if expert.episodes]
    published = [at_its_best(expert, params, context.device) for expert in learning.learners]
    return _Made(tasks, published, episodes, env_steps)


def _script(
    context: PhaseContext, params: ExpertsParams, writer: ArtifactWriter, tasks: Sequence[Task]
) -> _Made:
    """Scripted policies as experts; with random actions mixed in, episodes vary as much as in training."""
    order = context.order
    streams = [numpy_generator(order.seed, order.phase, task, "training") for task in tasks]
    noisy = [NoisyScriptedPolicy(task, stream) for task, stream in zip(tasks, streams, strict=True)]
    goals = [stream.integers(order.environment.goals, size=params.distill_episodes) for stream in streams]
    environment = VectorEnvironment(tasks, order.environment)
    recording = record(environment, PolicyPerTask(noisy), np.stack(goals))
    episodes = [recording.episodes(row, task, "training") for row, task in enumerate(tasks)]
    for task in tasks:
        write_scripted_expert(writer, task)
    env_steps = sum(part.rows for part in episodes) * order.environment.action_repeat
    return _Made(tasks, [ScriptedExperts([task]) for task in tasks], episodes, env_steps)


def _write(
    context: PhaseContext, params: ExpertsParams, writer: ArtifactWriter, made: _Made
) -> dict[Task, Outcomes]:
    """Evaluate on the reported goals, collect, label and split buffer_distill, write all of it."""
    order = context.order
    context.reporter.progress(made.env_steps, made.env_steps, activity="evaluating")
    policies = {task: expert.policy_for(task) for task, expert in zip(made.tasks, made.experts, strict=True)}
    outcomes = evaluate_reported(policies, made.tasks, order.environment)
    by_policy = policy_episodes(policies, order.environment, params.policy_episodes)
    for task, expert, *parts in zip(made.tasks, made.experts, made.training, by_policy, strict=True):
        write_outcomes(writer, outcomes[task], "expert")
        buffer = distill_buffer(expert, parts, numpy_generator(order.seed, order.phase, task, "split"))
        write_episodes(writer, f"{task.name}/buffer_distill", buffer)
    return outcomes
