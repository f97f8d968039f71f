"""The collective as guide of the students: the bonus it pays, and the weights fine-tuning starts from.

Rows lie task by task, the student before its control; the collective sees the students' rows only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.config import Phase, StudentsParams
from collectiverun_trainer.environments.observation import ACTION_SIZE, Array
from collectiverun_trainer.learning.guide import Guide
from collectiverun_trainer.learning.learner import Role
from collectiverun_trainer.learning.seeded_task import SeededTask
from collectiverun_trainer.rollouts.outcomes import Outcomes
from collectiverun_trainer.sac.agent import StackedSAC
from collectiverun_trainer.seeding import torch_generator
from collectiverun_trainer.students.fine_tuning import set_slice, student_actor, student_critics
from collectiverun_trainer.students.shaping import BonusSchedule, bonus

PHASE: Phase = "students"
ROLES: tuple[Role, Role] = ("student", "control")
_STUDENTS = slice(None, None, len(ROLES))  # the students among the learners' rows


class Guidance(Guide):
    """The guide of T students; their controls get nothing.

    The collective acts for a student until learning begins. That shows how often it succeeds, and its mean
    embedding is how it knows the task. From then on, in mode `shaping`, it rewards a student for acting as
    it would with that embedding, the less the less it has succeeded itself; in mode `finetune` its weights,
    with that embedding folded in, are those the student starts from.
    """

    def __init__(self, collective: Collective, tasks: Sequence[SeededTask], params: StudentsParams) -> None:
        self.collective, self.policy = collective, collective.policy()
        self.tasks, self.params = tuple(tasks), params
        start_weight = params.start_weight if params.mode == "shaping" else 0.0
        self._helps = bool(start_weight) or params.mode == "finetune"
        self.schedules = [BonusSchedule(start_weight, params.decay_env_steps) for _ in tasks]
        self._embeddings = torch.zeros(len(tasks), collective.network.embedding_size)
        self._embedded = 0
        self._episodes, self._acted = 0, 0
        self._generators: list[torch.Generator] = []
        self._earned, self._decisions = torch.zeros(len(tasks) * len(ROLES)), 0

    def begin(self, episode: int) -> None:
        """All learners start episode `episode` of theirs."""
        self.policy.begin(len(self.tasks))
        purpose = f"the collective acts in episode {episode}"
        self._generators = [torch_generator(task.seed, PHASE, task, purpose) for task in self.tasks]
        self._earned, self._decisions, self._acted = torch.zeros_like(self._earned), 0, 0

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed: obs (2T, 39), action (2T, 4), unscaled reward (2T,)."""
        self.policy.observe(obs[_STUDENTS], action[_STUDENTS], reward[_STUDENTS])
        self._decisions += 1

    def student_weights(self, env_steps: int) -> Tensor:
        """w (T,) of the students' bonus after so many env steps of each."""
        return torch.tensor([schedule.weight(env_steps) for schedule in self.schedules])

    def weights(self, env_steps: int) -> Tensor:
        """w (2T,) of the bonus of all learners; 0 for controls."""
        weights = self.student_weights(env_steps)
        return torch.stack([weights, torch.zeros_like(weights)], 1).flatten()

    def bonus(self, obs: Array, action: Array) -> Tensor:
        """ρ (2T,) of actions (2T, 4) at raw obs (2T, 39): in (0, 1] for students, 0 for controls.

        The embedding of a student's own history would be that of whatever the student still does in place of
        its task; that of the history counts only as long as there is no other.
        """
        z = self.mean_embedding.to(self.policy.device) if self._episodes else self.policy.embed()
        mu, log_std = self.policy.gaussian(obs[_STUDENTS], z)
        taken = torch.from_numpy(action[_STUDENTS]).to(mu.device)
        earned = torch.zeros(len(action))
        earned[_STUDENTS] = bonus(taken, mu, log_std, self.params.bonus_min_std).cpu()
        self._earned += earned
        return earned

    def act(self, obs: Array, action: Array) -> Array:
        """Actions (2T, 4) before learning begins: the collective's for students, if it is to help them."""
        if self._helps:
            action[_STUDENTS] = self._sample(obs[_STUDENTS])
        return action

    def _sample(self, obs: Array) -> Array:
        """The collective's own actions (T, 4), sampled; the embeddings it acts on are added up."""
        z = self.policy.embed()
        mu, log_std = (part.cpu() for part in self.policy.gaussian(obs, z))
        noise = torch.stack([torch.randn(ACTION_SIZE, generator=generator) for generator in self._generators])
        self._embeddings += z.cpu()
        self._embedded += 1
        self._acted += 1
        action: Array = torch.tanh(mu + log_std.exp() * noise).numpy()
        return action

    @property
    def mean_embedding(self) -> Tensor:
        """Mean embedding (T, Z) over the decisions the collective has acted in."""
        return self._embeddings / self._embedded

    def start_learning(self, agent: StackedSAC) -> None:
        """In mode `finetune`, give students the collective's weights at their mean embeddings."""
        if self.params.mode == "finetune":
            for index, (task, z) in enumerate(zip(self.tasks, self.mean_embedding, strict=True)):
                critics = student_critics(self.collective, z, task.plain)
                set_slice(agent, len(ROLES) * index, student_actor(self.collective, z), critics)

    def record(self, outcomes: Mapping[Role, Mapping[SeededTask, Outcomes]]) -> None:
        """Let the bonus fade where its student succeeds on selection goals."""
        for schedule, task in zip(self.schedules, self.tasks, strict=True):
            schedule.record_success(outcomes["student"][task].success.any_step)

    def end(self, success: Tensor) -> dict[str, Tensor]:
        """An episode is over: mean bonus (2T,) of its decisions. Whole ones of the collective are counted."""
        if self._acted == self._decisions:
            self._episodes += 1
            for schedule, succeeded in zip(self.schedules, success[_STUDENTS].tolist(), strict=True):
                schedule.teacher += (succeeded - schedule.teacher) / self._episodes
        return {"shaping/bonus": self._earned / self._decisions}

    def task_metrics(self, env_steps: int) -> dict[str, Tensor]:
        """Weight (T,) of the bonus."""
        return {"shaping/weight": self.student_weights(env_steps)}

    def note(self) -> str:
        """In mode `shaping`, the tasks on which the collective has nothing to teach."""
        paying = zip(self.tasks, self.schedules, strict=True)
        failed = [task.name for task, schedule in paying if schedule.start_weight and not schedule.teacher]
        if not failed:
            return ""
        return (
            f"The collective did not succeed itself on {', '.join(failed)} in the {self._episodes} episodes"
            " it began with: no bonus was paid there."
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything, between episodes."""
        return {
            "schedules": [[one.teacher, one.factor, list(one.recent)] for one in self.schedules],
            "embeddings": self._embeddings,
            "embedded": self._embedded,
            "episodes": self._episodes,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        for schedule, (teacher, factor, recent) in zip(self.schedules, state["schedules"], strict=True):
            schedule.teacher, schedule.factor, schedule.recent = teacher, factor, tuple(recent)
        self._embeddings, self._embedded = state["embeddings"].clone(), state["embedded"]
        self._episodes = state["episodes"]
