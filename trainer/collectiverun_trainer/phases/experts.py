"""Phase `experts`: one soft actor-critic per (robot, task), all tasks of the Job trained as one stack.

Reads nothing. Writes per task the policy and its critics as they were at the best evaluation, and
`buffer_distill`: whole episodes, from all of training and by that policy, every row labelled by it.
See docs/phases/experts.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.artifacts.artifact import ArtifactWriter
from collectiverun_trainer.config import ExpertsParams, Task
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.learning.off_policy import ExpertTraining
from collectiverun_trainer.learning.selection import mean_success
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.policy_files import write_scripted, write_trained
from collectiverun_trainer.replay.episodes import Episodes, concatenate
from collectiverun_trainer.replay.shards import write_episodes
from collectiverun_trainer.rollouts.evaluation import Outcomes, evaluate
from collectiverun_trainer.rollouts.play import WanderingPolicy, play
from collectiverun_trainer.rollouts.policy import Policy, PolicyPerTask, ScriptedExperts, StackedExperts
from collectiverun_trainer.seeding import numpy_generator

TRAINING_FRACTION = 0.8  # of the episodes of each source; the rest is held out
LABEL_ROWS = 8192  # labelled at once, which bounds the memory it takes


def run(context: PhaseContext) -> PhaseResult:
    """Train the experts of the order's tasks, or take scripted ones; evaluate, label and publish them."""
    params = context.params(ExpertsParams)
    if params.source == "scripted":
        return _run_scripted(context, params)
    training = _train(context, params)
    writer = context.writer()
    for expert in training.experts:
        write_trained(writer, expert, params)
    env_steps = sum(expert.env_steps for expert in training.experts)
    episodes = [expert.training for expert in training.experts if expert.training]
    published = [expert.published(params, context.device) for expert in training.experts]
    return _publish(context, params, writer, published, episodes, env_steps)


def _train(context: PhaseContext, params: ExpertsParams) -> ExpertTraining:
    """Episode after episode, evaluated and saved at fixed distances, until no expert is left to train."""
    order = context.order
    training = ExpertTraining(order.tasks, order.environment, params, order.seed, context.device)
    if saved := context.checkpoints.latest():
        training.load_state_dict(saved[1]["training"])
        context.reporter.load_state_dict(saved[1]["reporter"])
    else:
        training.demonstrate()
    while training.active:
        _report_episode(context, training, training.run_episode())
        if training.evaluation_due:
            _report_evaluation(context, training, training.evaluate())
            training.retire()
        context.checkpoint_or_stop(
            training.env_steps,
            lambda: {"training": training.state_dict(), "reporter": context.reporter.state_dict()},
            every=params.checkpoint_every_env_steps if training.active else 1,
        )
    return training


def _run_scripted(context: PhaseContext, params: ExpertsParams) -> PhaseResult:
    """Scripted policies as experts; random actions mixed into them make episodes as varied as training's."""
    order = context.order
    streams = [numpy_generator(order.seed, order.phase, task, "training") for task in order.tasks]
    wandering = [WanderingPolicy(task, stream) for task, stream in zip(order.tasks, streams, strict=True)]
    goals = [stream.integers(order.environment.goals, size=params.distill_episodes) for stream in streams]
    environment = VectorEnvironment(order.tasks, order.environment)
    rollouts = play(environment, PolicyPerTask(wandering), np.stack(goals))
    episodes = [rollouts.episodes(row, task, "training") for row, task in enumerate(order.tasks)]
    writer = context.writer()
    for task in order.tasks:
        write_scripted(writer, task)
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
    settings = order.environment
    policies = {task: expert.policy_for(task) for task, expert in zip(order.tasks, experts, strict=True)}
    outcomes = evaluate(policies, order.tasks, settings, settings.goal_seed, settings.goals)
    by_policy = _policy_episodes(context, params, list(policies.values()))
    for task, expert, *parts in zip(order.tasks, experts, training, by_policy, strict=True):
        writer.add_json(f"{task.name}/evaluation.json", outcomes[task].to_document())
        labelled = _labelled(expert, concatenate(parts))
        generator = numpy_generator(order.seed, order.phase, task, "split")
        write_episodes(writer, f"{task.name}/buffer_distill", labelled.split(TRAINING_FRACTION, generator))
    success = {task.name: outcome.success.model_dump(by_alias=True) for task, outcome in outcomes.items()}
    extra = {"source": params.source, "success": success}
    return context.publish(writer, mean_success(outcomes.values()), env_steps, extra=extra)


def _policy_episodes(
    context: PhaseContext, params: ExpertsParams, policies: Sequence[Policy]
) -> list[Episodes]:
    """Episodes by the published policies, without noise, on the first goals."""
    tasks, settings = context.order.tasks, context.order.environment
    goals = np.tile(np.arange(params.policy_episodes) % settings.goals, (len(tasks), 1))
    rollouts = play(VectorEnvironment(tasks, settings), PolicyPerTask(policies), goals)
    return [rollouts.episodes(row, task, "policy") for row, task in enumerate(tasks)]


def _labelled(expert: StackedExperts, episodes: Episodes) -> Episodes:
    """Every row with the published expert's mu, log_std and q."""
    rows = zip(torch.split(episodes.obs, LABEL_ROWS), torch.split(episodes.action, LABEL_ROWS), strict=True)
    alone = [
        expert.label(np.zeros(len(obs), dtype=np.int64), obs.numpy(), action.numpy()) for obs, action in rows
    ]
    mu, log_std, q = (torch.cat(parts).cpu() for parts in zip(*alone, strict=True))
    return replace(episodes, mu=mu, log_std=log_std, q=q.unsqueeze(-1))


def _report_episode(context: PhaseContext, training: ExpertTraining, figures: dict[str, Tensor]) -> None:
    _report(context, training, [expert.task for expert in training.active], figures)
    done = sum(expert.env_steps for expert in training.experts)
    left = len(training.active) * (training.total_env_steps - training.env_steps)
    context.reporter.progress(done, done + left, training.success)


def _report_evaluation(
    context: PhaseContext, training: ExpertTraining, outcomes: dict[Task, Outcomes]
) -> None:
    successes = [outcome.success for outcome in outcomes.values()]
    figures = {
        "evaluation/success_any_step": torch.tensor([success.any_step for success in successes]),
        "evaluation/success_at_end": torch.tensor([success.at_end for success in successes]),
        "evaluation/return": torch.tensor([float(outcome.returns.mean()) for outcome in outcomes.values()]),
    }
    _report(context, training, list(outcomes), figures)


def _report(
    context: PhaseContext, training: ExpertTraining, tasks: Sequence[Task], figures: dict[str, Tensor]
) -> None:
    for slot, task in enumerate(tasks):
        values = {name: float(column[slot]) for name, column in figures.items()}
        context.reporter.metrics(training.env_steps, training.gradient_steps, values, task)
