"""How students learn beside their controls: one stack of soft actor-critics, alike but for the collective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.collective.network import Collective
from collectiverun_trainer.config import EnvironmentSettings, StudentsParams, Task
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.environments.vector import Step, VectorEnvironment
from collectiverun_trainer.learning.episode_metrics import EpisodeFigures
from collectiverun_trainer.learning.schedule import Timetable
from collectiverun_trainer.learning.selection import Selection, mean_of
from collectiverun_trainer.order import Success
from collectiverun_trainer.replay.buffer import ReplayBuffer
from collectiverun_trainer.rollouts.evaluation import Outcomes, evaluate
from collectiverun_trainer.rollouts.play import play
from collectiverun_trainer.rollouts.policy import PolicyPerTask, ScriptedPolicy
from collectiverun_trainer.sac.agent import StackedSAC
from collectiverun_trainer.sac.networks import State
from collectiverun_trainer.seeding import generator_state, numpy_generator, restore_generator, torch_generator
from collectiverun_trainer.students.files import ROLES, Learner, Role, actor_policy
from collectiverun_trainer.students.fine_tuning import set_slice, student_actor, student_critics
from collectiverun_trainer.students.guidance import PHASE, Guidance, Watched


class StudentTraining:
    """T students and T controls: slot 2t is the student of task t, slot 2t + 1 its control.

    Both have equal generators for weights, exploration and batches, and play the same goals: without the
    collective they would be equal bit by bit.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        settings: EnvironmentSettings,
        params: StudentsParams,
        collective: Collective,
        seed: int,
        device: torch.device,
    ) -> None:
        self.tasks, self.settings, self.params = tuple(tasks), settings, params
        self.seed, self.device = seed, device
        self.timetable = Timetable(params, settings)
        self.decisions = 0
        slots = [task for task in tasks for _ in ROLES]
        agents = [torch_generator(seed, PHASE, task, "agent") for task in slots]
        batches = [torch_generator(seed, PHASE, task, "minibatch") for task in slots]
        demonstrations = params.demonstrations * settings.horizon
        self.environment = VectorEnvironment(tasks, settings, copies=len(ROLES))
        self.agent = StackedSAC(params, agents, device)
        self.replay = ReplayBuffer(self.timetable.decisions, batches, demonstrations, device)
        self.guidance = Guidance(collective, tasks, params, seed)
        self.selections: dict[Role, list[Selection]] = {role: [Selection() for _ in tasks] for role in ROLES}
        self._goals = [numpy_generator(seed, PHASE, task, "goals") for task in tasks]

    @property
    def env_steps(self) -> int:
        """Env steps of each student and each control so far."""
        return self.timetable.env_steps(self.decisions)

    @property
    def total_env_steps(self) -> int:
        """Env steps of all students and controls together, when all is done."""
        return self.timetable.env_steps(self.timetable.decisions) * len(self.environment)

    @property
    def success(self) -> Success | None:
        """Mean over the students of the best success on selection goals so far; None before the first."""
        best = [found for selection in self.selections["student"] if (found := selection.best)]
        return mean_of(best) if best else None

    def demonstrate(self) -> None:
        """Give both the same scripted episodes, if any, with the bonus they would have earned."""
        episodes = self.params.demonstrations
        if not episodes:
            return
        watched = Watched(PolicyPerTask([ScriptedPolicy(task) for task in self.tasks]), self.guidance)
        streams = [numpy_generator(self.seed, PHASE, task, "demonstrations") for task in self.tasks]
        goals = np.stack([stream.integers(self.settings.goals, size=episodes) for stream in streams])
        columns = play(VectorEnvironment(self.tasks, self.settings), watched, goals).columns
        rows = {name: column.flatten(1, 2) for name, column in columns.items()}
        rows["bonus"] = torch.stack(watched.bonuses, 1).unsqueeze(-1)
        both = {name: column.repeat_interleave(len(ROLES), 0) for name, column in rows.items()}
        both["bonus"][1::2] = 0.0
        self.replay.set_demonstrations(both)

    def run_episode(self) -> dict[str, Tensor]:
        """One episode of every student and control with its gradient steps; figures (2T,) by name."""
        goals = np.repeat([stream.integers(self.settings.goals) for stream in self._goals], len(ROLES))
        obs = self.environment.reset(goals)
        self.guidance.begin(self.decisions // self.settings.horizon)
        figures = EpisodeFigures(len(self.environment))
        for _ in range(self.settings.horizon):
            action, bonus = self._decide(obs)
            step = self.environment.step(action)
            self.guidance.observe(obs[::2], action[::2], step.reward[::2])
            self._remember(obs, action, step, bonus)
            figures.add(step, bonus, self._learn())
            obs = step.obs
        return figures.mean(self.settings.action_repeat)

    def _decide(self, obs: Array) -> tuple[Array, Tensor]:
        """Actions (2T, 4) of all, and the bonus (2T,) they earn; controls earn none."""
        action = self._explore(obs)
        bonus = torch.zeros(len(action))
        if self.guidance.weights(self.env_steps).any():
            bonus[::2] = self.guidance.bonus(obs[::2], action[::2])
        return action, bonus

    def _explore(self, obs: Array) -> Array:
        if self.decisions < self.timetable.random_decisions:
            action = self.agent.random_action(1)
        else:
            action = self.agent.act(torch.from_numpy(obs).to(self.device).unsqueeze(1))
        chosen: Array = action.squeeze(1).cpu().numpy()
        if self._collective_leads:
            chosen[::2] = self.guidance.act(obs[::2])
        return chosen

    @property
    def _collective_leads(self) -> bool:
        """Whether the collective still acts for the students, which will then start from its weights."""
        return self.params.mode == "finetune" and self.decisions < self.timetable.decisions_before_learning

    def _remember(self, obs: Array, action: Array, step: Step, bonus: Tensor) -> None:
        success = step.success_end.astype(np.float32)
        parts = (obs, action, step.reward, step.obs, bonus.numpy(), success)
        self.replay.add(*(torch.from_numpy(part).to(self.device) for part in parts))
        led = self._collective_leads
        self.decisions += 1
        if led and not self._collective_leads:
            self._start_from_collective()

    def _start_from_collective(self) -> None:
        """Give every student the collective's weights at the mean embedding it has shown on the task."""
        collective = self.guidance.collective
        for index, (task, z) in enumerate(zip(self.tasks, self.guidance.mean_embedding, strict=True)):
            actor, critics = student_actor(collective, z), student_critics(collective, z, task)
            set_slice(self.agent, 2 * index, actor, critics)

    def _learn(self) -> list[dict[str, Tensor]]:
        if self.decisions <= self.timetable.decisions_before_learning:
            return []
        weights = self.guidance.weights(self.env_steps)
        both = torch.stack([weights, torch.zeros_like(weights)], 1).flatten().to(self.device)
        return [
            self.agent.update(self.replay.sample(self.params.batch_size), both)
            for _ in range(self.params.gradient_steps_per_decision)
        ]

    def evaluate(self) -> dict[Role, dict[Task, Outcomes]]:
        """Play selection goals, keep what is best so far, let the bonus fade where its student succeeds."""
        seed, episodes = self.settings.goal_seed + 1, self.params.selection_episodes
        found: dict[Role, dict[Task, Outcomes]] = {}
        for offset, role in enumerate(ROLES):
            states = [self._networks(2 * index + offset) for index in range(len(self.tasks))]
            found[role] = self._play_goals([state["actor"] for state in states], seed, episodes)
            for task, selection, state in zip(self.tasks, self.selections[role], states, strict=True):
                selection.offer(self.env_steps, found[role][task].success, state)
        for schedule, outcome in zip(self.guidance.schedules, found["student"].values(), strict=True):
            schedule.record_success(outcome.success.any_step)
        return found

    def _networks(self, slot: int) -> dict[str, State]:
        return {"actor": self.agent.actor_state(slot), "critics": self.agent.critics_state(slot)}

    def _play_goals(self, actors: Sequence[State], seed: int, episodes: int) -> dict[Task, Outcomes]:
        policies = [actor_policy(actor, self.params.hidden_sizes, self.device) for actor in actors]
        by_task = dict(zip(self.tasks, policies, strict=True))
        return evaluate(by_task, self.tasks, self.settings, seed, episodes)

    def learners(self) -> list[Learner]:
        """All students, then all controls, at their best, with their outcomes on the reported goals."""
        seed, goals = self.settings.goal_seed, self.settings.goals
        found: list[Learner] = []
        for role, selections in self.selections.items():
            outcomes = self._play_goals([selection.state["actor"] for selection in selections], seed, goals)
            pairs = zip(self.tasks, selections, strict=True)
            found += [Learner(role, task, selection, outcomes[task]) for task, selection in pairs]
        return found

    def state_dict(self) -> dict[str, Any]:
        """Everything the rest of learning depends on; taken between episodes."""
        return {
            "decisions": self.decisions,
            "agent": self.agent.state_dict(),
            "replay": self.replay.state_dict(),
            "guidance": self.guidance.state_dict(),
            "selections": {role: [s.state_dict() for s in self.selections[role]] for role in ROLES},
            "goals": [generator_state(stream) for stream in self._goals],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict` of a training with the same inputs, parameters and seed."""
        self.decisions = state["decisions"]
        self.agent.load_state_dict(state["agent"])
        self.replay.load_state_dict(state["replay"])
        self.guidance.load_state_dict(state["guidance"])
        for role in ROLES:
            for selection, value in zip(self.selections[role], state["selections"][role], strict=True):
                selection.load_state_dict(value)
        for stream, value in zip(self._goals, state["goals"], strict=True):
            restore_generator(stream, value)
