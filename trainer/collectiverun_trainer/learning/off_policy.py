"""Off-policy learning: episodes in lockstep, gradient steps, evaluation, the best so far, early stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.config import EnvironmentSettings, Phase, SACParams
from collectiverun_trainer.environments.observation import Array, Integers
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.learning.confirmation import confirm
from collectiverun_trainer.learning.demonstrations import demonstrate, drawn_goals
from collectiverun_trainer.learning.divergence import diverged_tasks, mark_diverged
from collectiverun_trainer.learning.guide import Guide
from collectiverun_trainer.learning.learner import Learner, Role
from collectiverun_trainer.learning.metrics import means
from collectiverun_trainer.learning.schedule import Schedule
from collectiverun_trainer.learning.seeded_task import SeededTask
from collectiverun_trainer.learning.selection import StopRule, never
from collectiverun_trainer.learning.stack_policy import StackPolicy
from collectiverun_trainer.replay.buffer import ReplayBuffer
from collectiverun_trainer.replay.returns import Returns
from collectiverun_trainer.rollouts.evaluation import evaluate_for_selection
from collectiverun_trainer.rollouts.outcomes import Outcomes
from collectiverun_trainer.rollouts.play import Decision, play
from collectiverun_trainer.sac.agent import StackedSAC
from collectiverun_trainer.seeding import generator_state, numpy_generator, restore_generator, torch_generator


class OffPolicyLearning:
    """E soft actor-critics that learn side by side; row e, slot e and replay part e are one learner's.

    Each task of each seed has one learner in each role. They play the same goals and have equal generators
    for weights, exploration and batches, so that without a guide they would be equal bit by bit. Every random
    number belongs to one seed, one task and one purpose: a learner that stops early leaves the stack, and
    the others go on exactly as if it were still there.

    Args:
        phase: whose random numbers these are.
        tasks: what is learned, each with the seed of its learners.
        roles: of the learners of a task; slots lie task by task, in this order.
        guide: helps the learners; it must bear that tasks leave if there is a stop rule.
        stop_rule: a task stops early once all of its learners satisfy it.
        sampled_episodes: training episodes to keep of each learner, at most.
    """

    def __init__(
        self,
        phase: Phase,
        tasks: Sequence[SeededTask],
        settings: EnvironmentSettings,
        params: SACParams,
        device: torch.device,
        *,
        roles: Sequence[Role],
        guide: Guide | None = None,
        stop_rule: StopRule = never,
        sampled_episodes: int = 0,
    ) -> None:
        self.phase, self.settings, self.params, self.device = phase, settings, params, device
        self.roles, self.guide = tuple(roles), guide or Guide()
        self.schedule = Schedule(params, settings)
        self.decisions = 0
        self.learners = [Learner(task, role) for task in tasks for role in roles]
        self.active = list(self.learners)
        self._stop_rule, self._sampled_episodes = stop_rule, sampled_episodes
        self._goals = {task: numpy_generator(task.seed, phase, task, "goals") for task in tasks}
        self._build()

    def _build(self) -> None:
        agents, batches = (
            [torch_generator(one.task.seed, self.phase, one.task, purpose) for one in self.active]
            for purpose in ("agent", "minibatch")
        )
        demonstrations = self.params.demonstrations * self.settings.horizon
        self.environment = VectorEnvironment(self.tasks, self.settings, len(self.roles))
        self.agent = StackedSAC(self.params, agents, self.device)
        returns = Returns(self.settings.horizon, self.params.n_step, self.params.discount)
        self.replay = ReplayBuffer(self.schedule.decisions, batches, returns, demonstrations, self.device)
        self._bonus = torch.zeros(len(self.active))

    @property
    def tasks(self) -> tuple[SeededTask, ...]:
        """The tasks that are still learned."""
        return tuple(dict.fromkeys(learner.task for learner in self.active))

    @property
    def env_steps(self) -> int:
        """Env steps of each learner that still learns."""
        return self.schedule.env_steps(self.decisions)

    @property
    def evaluation_due(self) -> bool:
        """Whether the last episode is followed by an evaluation."""
        return self.schedule.evaluation_due(self.decisions)

    def in_role(self, role: Role) -> list[Learner]:
        """The learners of one role, in the order of the tasks."""
        return [learner for learner in self.learners if learner.role == role]

    def demonstrate(self) -> None:
        """Fill the replays' demonstrations with episodes of the scripted policies on goals of own streams."""
        count = self.params.demonstrations
        if not count:
            return
        streams = [numpy_generator(task.seed, self.phase, task, "demonstrations") for task in self.tasks]
        goals = np.repeat(drawn_goals(streams, self.settings.goals, count), len(self.roles), axis=0)
        self.replay.set_demonstrations(demonstrate(self.environment, self.guide, goals))
        steps, size = self.params.imitation_gradient_steps, self.params.batch_size
        self.agent.imitate(self.replay.sample(size, examples=size) for _ in range(steps))

    def run_episode(self) -> dict[str, Tensor]:
        """One episode of every active learner with its gradient steps.

        Returns:
            Means of losses over the episode's gradient steps (if it took any), return and any-step success
            of the exploring policy, and what the guide adds: (E,) each.
        """
        returns, success = np.zeros((2, len(self.active)))
        losses: list[dict[str, Tensor]] = []
        for decision in play(self.environment, self, self._draw_goals()):
            self._store(decision)
            losses += self._learn()
            returns += decision.reward * self.settings.action_repeat
            success = np.maximum(success, decision.success_any)
        for learner in self.active:
            learner.env_steps = self.env_steps
        mean_losses = means(losses)
        mark_diverged(self.active, mean_losses)
        played = {"episode/return": torch.from_numpy(returns), "episode/success": torch.from_numpy(success)}
        return mean_losses | played | self.guide.end(played["episode/success"])

    def _draw_goals(self) -> Integers:
        streams = [self._goals[task] for task in self.tasks]
        goals = np.repeat([stream.integers(self.settings.goals) for stream in streams], len(self.roles))
        for learner, goal in zip(self.active, goals.tolist(), strict=True):
            learner.goals.append(goal)
        return goals

    def begin(self, n: int) -> None:
        """As the policy that explores: n new episodes start."""
        self.guide.begin(self.decisions // self.settings.horizon)

    def act(self, obs: Array) -> Array:
        """As the policy that explores: actions (E, 4), uniform at first, then each learner's own sample."""
        if self.decisions < self.schedule.random_decisions:
            sampled = self.agent.random_action(1)
        else:
            sampled = self.agent.act(torch.from_numpy(obs).to(self.device).unsqueeze(1))
        action: Array = sampled.squeeze(1).cpu().numpy()
        if guided := self.decisions < self.schedule.decisions_before_learning:
            action = self.guide.act(obs, action)
        pays = guided or ((weights := self.guide.weights(self.env_steps)) is not None and bool(weights.any()))
        self._bonus = self.guide.bonus(obs, action) if pays else torch.zeros(len(obs))
        return action

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """As the policy that explores: a decision is completed."""
        self.guide.observe(obs, action, reward)

    def _store(self, decision: Decision) -> None:
        success = decision.success_end.astype(np.float32)
        arrays = (decision.obs, decision.action, decision.reward, decision.next_obs, success)
        obs, action, reward, next_obs, succeeded = (torch.from_numpy(a).to(self.device) for a in arrays)
        self.replay.add(obs, action, reward, next_obs, self._bonus.to(self.device), succeeded)
        self.decisions += 1
        if self.decisions == self.schedule.decisions_before_learning:
            self.guide.start_learning(self.agent)

    def _learn(self) -> list[dict[str, Tensor]]:
        if self.decisions <= self.schedule.decisions_before_learning:
            return []
        if (weights := self.guide.weights(self.env_steps)) is not None:
            weights = weights.to(self.device)
        emphasis = self.schedule.emphasis(self.decisions - 1)
        return [
            self.agent.update(self.replay.sample(self.params.batch_size), weights, emphasis)
            for _ in range(self.params.gradient_steps_per_decision)
        ]

    def evaluate(self) -> dict[Role, dict[SeededTask, Outcomes]]:
        """Evaluate every active learner on selection goals and keep what is best so far."""
        outcomes = {role: self._evaluate(index) for index, role in enumerate(self.roles)}
        for slot, learner in enumerate(self.active):
            success = outcomes[learner.role][learner.task].success
            learner.selection.offer(self.env_steps, success, self.agent.networks_of(slot))
        self.guide.record(outcomes)
        return outcomes

    def _evaluate(self, role_index: int) -> dict[SeededTask, Outcomes]:
        policy = StackPolicy(self.agent, range(role_index, len(self.active), len(self.roles)))
        return evaluate_for_selection(policy, self.tasks, self.settings, self.params.selection_episodes)

    def stop_finished(self) -> None:
        """Learners whose budget is spent, or that satisfy the stop rule, stop and leave the stack."""
        staying = {learner.task for learner in self.active if not self._stop_rule(learner.selection)}
        spent = self.decisions >= self.schedule.decisions
        self._stop([task for task in self.tasks if spent or task not in staying])

    def stop_diverged(self) -> list[SeededTask]:
        """Tasks of diverged learners leave, with their best so far; InvalidConfiguration if there is none."""
        tasks = diverged_tasks(self.active)
        self._stop(tasks)
        return tasks

    def _stop(self, tasks: Sequence[SeededTask]) -> None:
        if not tasks:
            return
        stay = [slot for slot, learner in enumerate(self.active) if learner.task not in tasks]
        leaving = sorted(set(range(len(self.active))) - set(stay))
        confirm([self.active[slot] for slot in leaving], self.settings, self.params, self.device)
        for slot in leaving if self._sampled_episodes else ():
            learner, columns = self.active[slot], self.replay.experience(slot)
            generator = numpy_generator(learner.task.seed, self.phase, learner.task, "reservoir")
            learner.keep_sample(columns, self._sampled_episodes, self.settings.horizon, generator)
        self.active = [self.active[slot] for slot in stay]
        if stay:
            self.agent.keep(stay)
            self.replay.keep(stay)
            self.environment = VectorEnvironment(self.tasks, self.settings, len(self.roles))

    def state_dict(self) -> dict[str, Any]:
        """Everything the rest of learning depends on; taken between episodes."""
        return {
            "decisions": self.decisions,
            "active": [self.learners.index(learner) for learner in self.active],
            "learners": [learner.state_dict() for learner in self.learners],
            "goals": [generator_state(stream) for stream in self._goals.values()],
            "guide": self.guide.state_dict(),
            "agent": self.agent.state_dict() if self.active else None,
            "replay": self.replay.state_dict() if self.active else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict` of a learning with the same tasks, settings and parameters."""
        self.decisions = state["decisions"]
        for learner, value in zip(self.learners, state["learners"], strict=True):
            learner.load_state_dict(value)
        for stream, value in zip(self._goals.values(), state["goals"], strict=True):
            restore_generator(stream, value)
        self.guide.load_state_dict(state["guide"])
        self.active = [self.learners[index] for index in state["active"]]
        if self.active:
            self._build()
            self.agent.load_state_dict(state["agent"])
            self.replay.load_state_dict(state["replay"])
