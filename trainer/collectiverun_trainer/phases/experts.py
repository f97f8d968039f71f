"""Phase `experts`: one soft actor-critic per (robot, task), all tasks of the Job trained as one stack.

Reads nothing. Writes per task the policy and its critics at the best evaluation, and `buffer_distill`: whole
episodes, from all of training and of that policy, every row labelled by it.
See docs/phases/experts.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from collectiverun_trainer.artifacts.artifact import ArtifactWriter
from collectiverun_trainer.config import ExpertsParams
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.experts.stacked import ScriptedExperts, StackedExperts
from collectiverun_trainer.experts.training import at_its_best, expert_learning
from collectiverun_trainer.learning.training import train
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.policy_files import write_expert, write_outcomes, write_scripted_expert
from collectiverun_trainer.replay.episodes import Episodes, concatenate
from collectiverun_trainer.replay.shards import write_episodes
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.outcomes import mean_success
from collectiverun_trainer.rollouts.policy import Policy, PolicyPerTask
from collectiverun_trainer.rollouts.recording import record
from collectiverun_trainer.rollouts.scripted import NoisyScriptedPolicy
from collectiverun_trainer.seeding import numpy_generator

TRAINING_FRACTION = 0.8  # of the episodes of each source; the rest is held out
LABEL_ROWS = 8192  # labelled at once, which bounds memory


def run(context: PhaseContext) -> PhaseResult:
    """Train the experts of the order's tasks, or take scripted ones; evaluate, label and publish them."""
    params = context.params(ExpertsParams)
    if params.source == "scripted":
        return _run_scripted(context, params)
    order = context.order
    learning = expert_learning(order.tasks, order.environment, params, order.seed, context.device)
    if not context.resume(learning):
        learning.demonstrate()
    train(learning, context.reporter, context.checkpoint_or_stop)
    writer = context.writer()
    for expert in learning.learners:
        write_expert(writer, expert, params)
    env_steps = sum(expert.env_steps for expert in learning.learners)
    episodes = [expert.episodes for expert in learning.learners if expert.episodes]
    published = [at_its_best(expert, params, context.device) for expert in learning.learners]
    return _publish(context, params, writer, published, episodes, env_steps)


def _run_scripted(context: PhaseContext, params: ExpertsParams) -> PhaseResult:
    """Scripted policies as experts; with random actions mixed in, episodes vary as much as in training."""
    order = context.order
    streams = [numpy_generator(order.seed, order.phase, task, "training") for task in order.tasks]
    noisy = [NoisyScriptedPolicy(task, stream) for task, stream in zip(order.tasks, streams, strict=True)]
    goals = [stream.integers(order.environment.goals, size=params.distill_episodes) for stream in streams]
    environment = VectorEnvironment(order.tasks, order.environment)
    recording = record(environment, PolicyPerTask(noisy), np.stack(goals))
    episodes = [recording.episodes(row, task, "training") for row, task in enumerate(order.tasks)]
    writer = context.writer()
    for task in order.tasks:
        write_scripted_expert(writer, task)
    env_steps = sum(part.rows for part in episodes) * order.environment.action_repeat
    experts = [ScriptedExperts([task]) for task in order.tasks]
    return _publish(context, params, writer, experts, episodes, env_steps)


def _publish(
    context: PhaseContext,
    params: ExpertsParams,
    writer: ArtifactWriter,
    experts: Sequence[StackedExperts],
    training: Sequence[Episodes],
    env_steps: int,
) -> PhaseResult:
    """Evaluate on the reported goals, collect, label and split buffer_distill, write everything."""
    order = context.order
    context.reporter.progress(env_steps, env_steps, activity="evaluating")
    policies = {task: expert.policy_for(task) for task, expert in zip(order.tasks, experts, strict=True)}
    outcomes = evaluate_reported(policies, order.tasks, order.environment)
    by_policy = _policy_episodes(context, params, list(policies.values()))
    for task, expert, *parts in zip(order.tasks, experts, training, by_policy, strict=True):
        write_outcomes(writer, outcomes[task], "expert")
        labelled = _labelled(expert, concatenate(parts))
        generator = numpy_generator(order.seed, order.phase, task, "split")
        write_episodes(writer, f"{task.name}/buffer_distill", labelled.split(TRAINING_FRACTION, generator))
    success = {task.name: outcome.success.model_dump(by_alias=True) for task, outcome in outcomes.items()}
    extra = {"source": params.source, "success": success}
    return context.publish(writer, mean_success(outcomes.values()), env_steps, extra=extra)


def _policy_episodes(
    context: PhaseContext, params: ExpertsParams, policies: Sequence[Policy]
) -> list[Episodes]:
    """Episodes of the published policies, without noise, on the first goals."""
    tasks, settings = context.order.tasks, context.order.environment
    goals = np.tile(np.arange(params.policy_episodes) % settings.goals, (len(tasks), 1))
    recording = record(VectorEnvironment(tasks, settings), PolicyPerTask(policies), goals)
    return [recording.episodes(row, task, "policy") for row, task in enumerate(tasks)]


def _labelled(expert: StackedExperts, episodes: Episodes) -> Episodes:
    """Every row with the published expert's mu, log_std and q."""
    rows = zip(torch.split(episodes.obs, LABEL_ROWS), torch.split(episodes.action, LABEL_ROWS), strict=True)
    labels = [
        expert.label(np.zeros(len(obs), dtype=np.int64), obs.numpy(), action.numpy()) for obs, action in rows
    ]
    mu, log_std, q = (torch.cat(parts).cpu() for parts in zip(*labels, strict=True))
    return replace(episodes, mu=mu, log_std=log_std, q=q.unsqueeze(-1))
