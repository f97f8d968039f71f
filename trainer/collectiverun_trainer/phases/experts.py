"""Phase `experts`: one soft actor-critic per (robot, task), all of the Job trained as one stack.

Reads nothing, or the experts of an earlier run, which are copied. Writes per task the policy and its critics
at the best evaluation, and `buffer_distill`: whole episodes, from all of training and of that policy, every
row labelled by it.
See docs/phases/experts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.config import ExpertsParams, Task
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.experts.buffers import distill_buffer, policy_episodes
from collectiverun_trainer.experts.stacked import ScriptedExperts, StackedExperts
from collectiverun_trainer.experts.training import at_its_best, expert_learning
from collectiverun_trainer.learning.seeded_task import SeededTask, seeded
from collectiverun_trainer.learning.training import train
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.by_seed import publish_by_seed
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.phases.reuse import copy_expert, reused_experts, told_reuse
from collectiverun_trainer.policy_files.learners import write_expert, write_outcomes, write_scripted_expert
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
    order, params, reused = context.order, context.params(ExpertsParams), reused_experts(context)
    missing = [task for task in seeded(order.tasks, order.all_seeds) if task not in reused]
    make = _script if params.source == "scripted" else _train
    made = make(context, params, missing) if missing else {}
    env_steps = {
        seed: sum(one.env_steps for task, one in made.items() if task.seed == seed)
        for seed in order.all_seeds
    }
    total = sum(env_steps.values())
    context.reporter.progress(total, total, activity="evaluating")
    return publish_by_seed(context, env_steps, lambda own: _publish(own, params, made, reused))


class _Made(NamedTuple):
    """An expert that this phase made, and what its training left."""

    expert: StackedExperts
    episodes: Episodes
    env_steps: int
    write: Callable[[ArtifactWriter], None]


def _train(
    context: PhaseContext, params: ExpertsParams, tasks: Sequence[SeededTask]
) -> dict[SeededTask, _Made]:
    """Soft actor-critics at their best evaluations, those of all seeds as one batch."""
    learning = expert_learning(tasks, context.order.environment, params, context.device)
    if not context.resume(learning):
        learning.demonstrate()
    train(learning, context.reporter, context.checkpoint_or_stop)
    return {
        learner.task: _Made(
            at_its_best(learner, params, context.device),
            learner.episodes,
            learner.env_steps,
            partial(write_expert, expert=learner, params=params),
        )
        for learner in learning.learners
        if learner.episodes
    }


def _script(
    context: PhaseContext, params: ExpertsParams, tasks: Sequence[SeededTask]
) -> dict[SeededTask, _Made]:
    """Scripted policies as experts; with random actions mixed in, episodes vary as much as in training."""
    order = context.order
    streams = [numpy_generator(task.seed, order.phase, task, "training") for task in tasks]
    noisy = [NoisyScriptedPolicy(task, stream) for task, stream in zip(tasks, streams, strict=True)]
    goals = [stream.integers(order.environment.goals, size=params.distill_episodes) for stream in streams]
    environment = VectorEnvironment(tasks, order.environment)
    recording = record(environment, PolicyPerTask(noisy), np.stack(goals))
    made = {}
    for row, task in enumerate(tasks):
        episodes = recording.episodes(row, task.plain, "training")
        env_steps = episodes.rows * order.environment.action_repeat
        write = partial(write_scripted_expert, task=task.plain)
        made[task] = _Made(ScriptedExperts([task.plain]), episodes, env_steps, write)
    return made


def _publish(
    context: PhaseContext,
    params: ExpertsParams,
    made: Mapping[SeededTask, _Made],
    reused: Mapping[SeededTask, Artifact],
) -> PhaseResult:
    """The experts of one seed, those that were made and those that are copies."""
    order, writer = context.order, context.writer()
    own = {task.plain: one for task, one in made.items() if task.seed == order.seed}
    copied = {task.plain: artifact for task, artifact in reused.items() if task.seed == order.seed}
    outcomes = _write(context, params, writer, own) if own else {}
    for task, artifact in copied.items():
        outcomes[task] = copy_expert(context, writer, artifact, task)
    success = {task.name: outcomes[task].success.model_dump(by_alias=True) for task in order.tasks}
    extra = {"source": params.source, "success": success}
    env_steps, note = sum(one.env_steps for one in own.values()), told_reuse(context, copied)
    return context.publish(writer, mean_success(outcomes.values()), env_steps, note, extra)


def _write(
    context: PhaseContext, params: ExpertsParams, writer: ArtifactWriter, made: Mapping[Task, _Made]
) -> dict[Task, Outcomes]:
    """Evaluate on the reported goals, collect, label and split buffer_distill, write all of it."""
    order = context.order
    policies = {task: one.expert.policy_for(task) for task, one in made.items()}
    outcomes = evaluate_reported(policies, tuple(made), order.environment)
    by_policy = policy_episodes(policies, order.environment, params.policy_episodes)
    for (task, one), played in zip(made.items(), by_policy, strict=True):
        one.write(writer)
        write_outcomes(writer, outcomes[task], "expert")
        generator = numpy_generator(order.seed, order.phase, task, "split")
        buffer = distill_buffer(one.expert, [one.episodes, played], generator)
        write_episodes(writer, f"{task.name}/buffer_distill", buffer)
    return outcomes
