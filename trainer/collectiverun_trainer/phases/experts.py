"""Phase `experts`: one soft actor-critic per (robot, task), all tasks of the Job trained as one stack.

Reads nothing. Writes per task the policy and its critics as they were at the best evaluation, and
`buffer_distill`: whole episodes, from all of training and by that policy, every row labelled by it.
See docs/phases/experts.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.config import ExpertsParams, Task
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.evaluation import Outcomes, evaluate
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.phases.expert_publication import FinishedExpert, SACExpert, ScriptedExpert
from collectiverun_trainer.phases.expert_rollouts import WanderingPolicy, play
from collectiverun_trainer.phases.expert_training import ExpertTraining
from collectiverun_trainer.policy import PolicyPerTask
from collectiverun_trainer.replay.episodes import Episodes, concatenate
from collectiverun_trainer.replay.shards import write_episodes
from collectiverun_trainer.seeding import numpy_generator
from collectiverun_trainer.selection import mean_success

TRAINING_FRACTION = 0.8  # of the episodes of each source; the rest is held out


def run(context: PhaseContext) -> PhaseResult:
    """Train the experts of the order's tasks, or take scripted ones, and publish them."""
    params = context.params(ExpertsParams)
    if params.source == "scripted":
        return _publish(context, params, *_scripted(context, params), env_steps=0)
    training = _train(context, params)
    experts = [SACExpert(e.task, params, e.best("actor"), e.best("critics")) for e in training.experts]
    episodes = [e.training for e in training.experts if e.training is not None]
    return _publish(context, params, experts, episodes, env_steps=sum(e.env_steps for e in training.experts))


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
        before = training.env_steps
        _report_episode(context, training, training.run_episode())
        every = params.evaluation_every_env_steps
        if training.env_steps // every > before // every or training.env_steps >= training.total_env_steps:
            _report_evaluation(context, training, training.evaluate())
        context.checkpoint_or_stop(
            training.env_steps,
            lambda: {"training": training.state_dict(), "reporter": context.reporter.state_dict()},
            every=params.checkpoint_every_env_steps if training.active else 1,
        )
    return training


def _scripted(
    context: PhaseContext, params: ExpertsParams
) -> tuple[Sequence[FinishedExpert], Sequence[Episodes]]:
    """Scripted policies as experts; random actions mixed into them make episodes as varied as training's."""
    order = context.order
    streams = [numpy_generator(order.seed, order.phase, task, "training") for task in order.tasks]
    wandering = [WanderingPolicy(task, stream) for task, stream in zip(order.tasks, streams, strict=True)]
    goals = [stream.integers(order.environment.goals, size=params.distill_episodes) for stream in streams]
    environment = VectorEnvironment(order.tasks, order.environment)
    rollouts = play(environment, PolicyPerTask(wandering), np.stack(goals))
    episodes = [rollouts.episodes(row, task, "training") for row, task in enumerate(order.tasks)]
    return [ScriptedExpert(task) for task in order.tasks], episodes


def _publish(
    context: PhaseContext,
    params: ExpertsParams,
    experts: Sequence[FinishedExpert],
    training: Sequence[Episodes],
    env_steps: int,
) -> PhaseResult:
    """Evaluate on the reported goals, collect and label buffer_distill, write everything."""
    context.reporter.progress(env_steps, env_steps, activity="evaluating")
    outcomes = _final_evaluation(context, experts)
    by_policy = _policy_episodes(context, params, experts)
    writer = context.writer()
    for expert, *parts in zip(experts, training, by_policy, strict=True):
        expert.write(writer)
        writer.add_json(f"{expert.task.name}/evaluation.json", outcomes[expert.task].to_document())
        buffer_distill = _labelled(expert, concatenate(parts))
        generator = numpy_generator(context.order.seed, context.order.phase, expert.task, "split")
        split = buffer_distill.split(TRAINING_FRACTION, generator)
        write_episodes(writer, f"{expert.task.name}/buffer_distill", split)
    extra = {
        "source": params.source,
        "success": {t.name: o.success.model_dump(by_alias=True) for t, o in outcomes.items()},
    }
    return context.publish(writer, mean_success(outcomes.values()), env_steps, extra=extra)


def _final_evaluation(context: PhaseContext, experts: Sequence[FinishedExpert]) -> dict[Task, Outcomes]:
    settings = context.order.environment
    policies = {expert.task: expert.policy for expert in experts}
    return evaluate(policies, list(policies), settings, settings.goal_seed, settings.goals)


def _policy_episodes(
    context: PhaseContext, params: ExpertsParams, experts: Sequence[FinishedExpert]
) -> list[Episodes]:
    """Episodes by the published policies, without noise, on the first goals."""
    settings = context.order.environment
    tasks = [expert.task for expert in experts]
    goals = np.tile(np.arange(params.policy_episodes) % settings.goals, (len(tasks), 1))
    policy = PolicyPerTask([expert.policy for expert in experts])
    rollouts = play(VectorEnvironment(tasks, settings), policy, goals)
    return [rollouts.episodes(row, task, "policy") for row, task in enumerate(tasks)]


def _labelled(expert: FinishedExpert, episodes: Episodes) -> Episodes:
    mu, log_std, q = expert.label(episodes.obs, episodes.action)
    return replace(episodes, mu=mu, log_std=log_std, q=q)


def _report_episode(context: PhaseContext, training: ExpertTraining, figures: dict[str, Tensor]) -> None:
    _report(context, training, [e.task for e in training.active], figures)
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
    context: PhaseContext, training: ExpertTraining, tasks: Sequence[Task], figures: dict[str, Any]
) -> None:
    for slot, task in enumerate(tasks):
        values = {name: float(column[slot]) for name, column in figures.items()}
        context.reporter.metrics(training.env_steps, training.gradient_steps, values, task)
