"""How a group of experts is trained: episodes in lockstep, evaluation, the best so far, early stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams, Task
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.learning.learner import Expert, network_state
from collectiverun_trainer.order import Success
from collectiverun_trainer.replay.buffer import ReplayBuffer
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.rollouts.evaluation import Outcomes, evaluate
from collectiverun_trainer.rollouts.play import StackPolicy, play
from collectiverun_trainer.rollouts.policy import PolicyPerTask, ScriptedPolicy
from collectiverun_trainer.sac.agent import StackedSAC
from collectiverun_trainer.sac.networks import State
from collectiverun_trainer.seeding import numpy_generator, torch_generator

PHASE = "experts"


class ExpertTraining:
    """Experts of several tasks trained as one stack; each random number belongs to one expert and purpose.

    An expert that stops early leaves the stack; the others go on exactly as if it were still there.

    Args:
        tasks: one expert each.
        seed: of the run.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        settings: EnvironmentSettings,
        params: ExpertsParams,
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings, self.params, self.seed = settings, params, seed
        self.device = torch.device(device)
        self.experts = [Expert(task, numpy_generator(seed, PHASE, task, "goals")) for task in tasks]
        self.active = list(self.experts)
        self.decisions = 0
        self._build()

    def _build(self) -> None:
        tasks = [expert.task for expert in self.active]
        agents = [torch_generator(self.seed, PHASE, task, "agent") for task in tasks]
        batches = [torch_generator(self.seed, PHASE, task, "minibatch") for task in tasks]
        demonstrations = self.params.demonstrations * self.settings.horizon
        self.environment = VectorEnvironment(tasks, self.settings)
        self.agent = StackedSAC(self.params, agents, self.device)
        self.replay = ReplayBuffer(self._decisions_to_do, batches, demonstrations, self.device)

    @property
    def env_steps(self) -> int:
        """Env steps of each expert that still learns."""
        return self.decisions * self.settings.action_repeat

    @property
    def gradient_steps(self) -> int:
        """Gradient steps of each expert that still learns."""
        learning = max(0, self.decisions - self._decisions_before_learning)
        return learning * self.params.gradient_steps_per_decision

    @property
    def success(self) -> Success | None:
        """Mean over experts of the best success on selection goals so far; None before a first evaluation."""
        best = [success for expert in self.experts if (success := expert.selection.best)]
        if not best:
            return None
        return Success(any_step=fmean(s.any_step for s in best), at_end=fmean(s.at_end for s in best))

    @property
    def evaluation_due(self) -> bool:
        """Whether the last episode crossed a multiple of the evaluation distance, or was the last."""
        every, before = (
            self.params.evaluation_every_env_steps,
            self.env_steps - self.settings.horizon_env_steps,
        )
        return self.env_steps // every > before // every or self.env_steps >= self.total_env_steps

    @property
    def total_env_steps(self) -> int:
        """Env steps an expert takes at most: the budget, rounded up to whole episodes."""
        return self._decisions_to_do * self.settings.action_repeat

    @property
    def _decisions_to_do(self) -> int:
        episodes = -(-self.params.total_env_steps // self.settings.horizon_env_steps)
        return episodes * self.settings.horizon

    @property
    def _random_decisions(self) -> int:
        """Demonstrations take the place of random actions."""
        return (
            0 if self.params.demonstrations else self.params.random_env_steps // self.settings.action_repeat
        )

    @property
    def _decisions_before_learning(self) -> int:
        # At least one whole episode is in the replay before the first gradient step.
        return max(self._random_decisions, self.settings.horizon)

    def demonstrate(self) -> None:
        """Fill the replays' demonstrations with episodes of the scripted policies on goals of own streams."""
        if not self.params.demonstrations:
            return
        tasks = [expert.task for expert in self.active]
        scripted = PolicyPerTask([ScriptedPolicy(task) for task in tasks])
        streams = [numpy_generator(self.seed, PHASE, task, "demonstrations") for task in tasks]
        goals = [stream.integers(self.settings.goals, size=self.params.demonstrations) for stream in streams]
        rollouts = play(self.environment, scripted, np.stack(goals))
        self.replay.set_demonstrations(
            {name: column.flatten(1, 2) for name, column in rollouts.columns.items()}
        )

    def run_episode(self) -> dict[str, Tensor]:
        """One episode of every active expert with its gradient steps.

        Returns:
            Means of losses over the episode's gradient steps (if it took any), return and success of the
            exploring policy: (E,) each.
        """
        obs = self.environment.reset(self._draw_goals())
        losses: list[dict[str, Tensor]] = []
        returns, success = np.zeros((2, len(self.active)))
        for _ in range(self.settings.horizon):
            action = self._explore(obs)
            step = self.environment.step(action)
            self._remember(obs, action, step.reward, step.obs, step.success_end)
            losses += self._learn()
            returns += step.reward * self.settings.action_repeat
            success = np.maximum(success, step.success_any)
            obs = step.obs
        for expert in self.active:
            expert.env_steps = self.env_steps
        figures = (
            {name: torch.stack([loss[name] for loss in losses]).mean(0) for name in losses[0]}
            if losses
            else {}
        )
        return figures | {
            "episode/return": torch.from_numpy(returns),
            "episode/success": torch.from_numpy(success),
        }

    def _draw_goals(self) -> list[int]:
        goals = [int(expert.goals.integers(self.settings.goals)) for expert in self.active]
        for expert, goal in zip(self.active, goals, strict=True):
            expert.episode_goals.append(goal)
        return goals

    def _explore(self, obs: Array) -> Array:
        if self.decisions < self._random_decisions:
            action = self.agent.random_action(1)
        else:
            action = self.agent.act(torch.from_numpy(obs).to(self.device).unsqueeze(1))
        chosen: Array = action.squeeze(1).cpu().numpy()
        return chosen

    def _remember(self, *transition: np.ndarray[Any, Any]) -> None:
        obs, action, reward, next_obs, success = (
            torch.from_numpy(part.astype(np.float32, copy=False)).to(self.device) for part in transition
        )
        self.replay.add(obs, action, reward, next_obs, success=success)
        self.decisions += 1

    def _learn(self) -> list[dict[str, Tensor]]:
        if self.decisions <= self._decisions_before_learning:
            return []
        batch_size = self.params.batch_size
        return [
            self.agent.update(self.replay.sample(batch_size))
            for _ in range(self.params.gradient_steps_per_decision)
        ]

    def evaluate(self) -> dict[Task, Outcomes]:
        """Evaluate every active expert on selection goals and keep what is best so far."""
        tasks = [expert.task for expert in self.active]
        seed, episodes = self.settings.goal_seed + 1, self.params.selection_episodes
        outcomes = evaluate(StackPolicy(self.agent), tasks, self.settings, seed, episodes)
        for slot, expert in enumerate(self.active):
            success = outcomes[expert.task].success
            expert.selection.offer(self.env_steps, success, self.networks_of(slot))
        return outcomes

    def networks_of(self, slot: int) -> State:
        """A copy of the networks of the active expert in that slot, as `Expert.best` takes them apart."""
        return network_state(self.agent.actor_state(slot), self.agent.critics_state(slot))

    def retire(self) -> None:
        """Experts whose budget is spent, or that succeed often enough, stop and leave the stack."""
        spent = self.decisions >= self._decisions_to_do
        threshold, patience = self.params.stop_at_success, self.params.stop_patience
        stay = [s for s, e in enumerate(self.active) if not spent and not e.succeeds(threshold, patience)]
        if len(stay) == len(self.active):
            return
        for slot in sorted(set(range(len(self.active))) - set(stay)):
            self.active[slot].training = self._sample_of_training(slot)
        self.active = [self.active[slot] for slot in stay]
        if stay:
            self.agent.keep(stay)
            self.replay.keep(stay)
            self.environment = VectorEnvironment([expert.task for expert in self.active], self.settings)

    def _sample_of_training(self, slot: int) -> Episodes:
        """Whole episodes drawn evenly from all of training: what a reservoir over its episodes would hold."""
        expert, horizon = self.active[slot], self.settings.horizon
        played = len(expert.episode_goals)
        generator = numpy_generator(self.seed, PHASE, expert.task, "reservoir")
        chosen = np.sort(generator.permutation(played)[: self.params.distill_episodes])
        experience = self.replay.experience(slot)
        columns = {name: value.view(played, horizon, -1)[chosen].cpu() for name, value in experience.items()}
        goals = torch.tensor(expert.episode_goals, dtype=torch.int64)[chosen]
        return Episodes.unlabelled(expert.task, "training", columns, columns["next_obs"][:, -1], goals)

    def state_dict(self) -> dict[str, Any]:
        """Everything the rest of training depends on; taken between episodes."""
        return {
            "decisions": self.decisions,
            "active": [self.experts.index(expert) for expert in self.active],
            "experts": [expert.state_dict() for expert in self.experts],
            "agent": self.agent.state_dict() if self.active else None,
            "replay": self.replay.state_dict() if self.active else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict` of a training with the same tasks, settings, parameters and seed."""
        self.decisions = state["decisions"]
        for expert, value in zip(self.experts, state["experts"], strict=True):
            expert.load_state_dict(value)
        self.active = [self.experts[index] for index in state["active"]]
        if self.active:
            self._build()
            self.agent.load_state_dict(state["agent"])
            self.replay.load_state_dict(state["replay"])
