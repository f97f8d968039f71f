"""Online distillation: rounds of play with gradient steps in between, evaluation, state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.collective.policy import Collective, CollectivePolicy
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import EnvironmentSettings, OnlineDistillationParams, Task
from collectiverun_trainer.distillation.distiller import Distiller, Losses
from collectiverun_trainer.distillation.online_buffer import OnlineBuffer
from collectiverun_trainer.distillation.rollouts import PHASE, Rollouts
from collectiverun_trainer.distillation.rows import Q_COLUMN, BalancedRows, row_width
from collectiverun_trainer.distillation.schedule import Schedule
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.experts.stacked import StackedExperts
from collectiverun_trainer.learning.selection import Selection
from collectiverun_trainer.rollouts.evaluation import evaluate_for_selection
from collectiverun_trainer.rollouts.outcomes import Outcomes, mean_success
from collectiverun_trainer.seeding import torch_generator
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder


class OnlineTraining:
    """The collective network and its training. Every random number belongs to one round and purpose."""

    def __init__(
        self,
        tasks: Sequence[Task],
        settings: EnvironmentSettings,
        params: OnlineDistillationParams,
        experts: StackedExperts,
        encoder: TrajectoryEncoder,
        seed: int,
        device: torch.device,
    ) -> None:
        self.tasks, self.settings, self.params, self.seed = tuple(tasks), settings, params, seed
        self.encoder = encoder
        self.schedule = Schedule.of(params, settings)
        size = encoder.params.embedding_size
        initial = torch_generator(seed, PHASE, None, "initial weights")
        self.network = CollectiveNetwork(size, params.hidden_sizes, initial).to(device)
        self.distiller = Distiller(self.network, params, critics=experts.has_critic)
        self.buffer = OnlineBuffer(self.schedule, tasks, settings.horizon, row_width(size), device)
        environment = VectorEnvironment(tasks, settings, params.environments_per_task)
        self.rollouts = Rollouts(environment, experts, self.policy(), self.buffer, seed)
        self.selection = Selection()
        self._batches: BalancedRows | None = None

    @property
    def env_steps_per_task(self) -> int:
        """Env steps played of each task."""
        return self.buffer.rounds * self.schedule.copies * self.settings.horizon_env_steps

    @property
    def env_steps(self) -> int:
        """Env steps played of all tasks."""
        return self.env_steps_per_task * len(self.tasks)

    @property
    def total_env_steps(self) -> int:
        """Env steps of all tasks after the last round."""
        rounds = self.schedule.rounds * self.schedule.copies * len(self.tasks)
        return rounds * self.settings.horizon_env_steps

    @property
    def done(self) -> bool:
        """Whether all rounds are played."""
        return self.buffer.rounds == self.schedule.rounds

    def policy(self) -> CollectivePolicy:
        """The policy of the network as it is now."""
        return CollectivePolicy(self.encoder, self.network)

    def play_round(self) -> Losses:
        """Play one round, learning from earlier rounds after each decision; mean losses (tasks,)."""
        generator = torch_generator(self.seed, PHASE, None, f"batches in round {self.buffer.rounds}")
        for _ in self.rollouts.play_round():
            if self._batches is None:
                continue
            for _ in range(self.params.gradient_steps_per_decision):
                rows = self.distiller.rows_per_task(len(self.tasks))
                self.distiller.learn(self._batches.draw(self.buffer.packed, rows, generator))
        self._learn_from_rounds()
        return self.distiller.read_losses()

    def _learn_from_rounds(self) -> None:
        """Draw batches from all rounds played so far from now on."""
        rows_of_tasks = self.buffer.rows_of_tasks(held_out=False)
        self._batches = BalancedRows(rows_of_tasks)
        if self.distiller.critics:
            self.distiller.q_scale = QScale.of([self.buffer.packed[rows, Q_COLUMN] for rows in rows_of_tasks])

    def last_round(self) -> tuple[str, float]:
        """The acting policy of the last round, and the share of its episodes that ended in success."""
        return self.schedule.source(self.buffer.rounds - 1), self.buffer.last_round_success()

    @property
    def evaluation_due(self) -> bool:
        """Whether the round just played reached a multiple of the parameter, or was the last."""
        every, now = self.params.evaluation_every_env_steps, self.env_steps_per_task
        before = now - self.schedule.copies * self.settings.horizon_env_steps
        return self.done or now // every > before // every

    def evaluate(self) -> dict[Task, Outcomes]:
        """Play selection goals and keep the network if it is the best so far."""
        outcomes = evaluate_for_selection(
            self.policy(), self.tasks, self.settings, self.params.selection_episodes
        )
        self.selection.offer(
            self.env_steps_per_task, mean_success(outcomes.values()), self.distiller.weights_state()
        )
        return outcomes

    def validation_losses(self) -> Losses:
        """Mean losses (tasks,) on the held-out episodes; empty as long as there are none."""
        rows = self.buffer.rows_of_tasks(held_out=True)
        return self.distiller.losses_on(self.buffer.packed, rows) if len(rows[0]) else {}

    def best(self) -> Collective:
        """The collective to publish; the network takes its best weights."""
        self.distiller.load_weights_state(self.selection.state)
        return Collective(self.network, self.encoder, self.tasks, self.distiller.q_scale)

    def state_dict(self) -> dict[str, Any]:
        """Everything the rest of training depends on; taken between rounds."""
        return {
            "distiller": self.distiller.state_dict(),
            "buffer": self.buffer.state_dict(),
            "selection": self.selection.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict` of a training with the same inputs, parameters and seed."""
        self.distiller.load_state_dict(state["distiller"])
        self.buffer.load_state_dict(state["buffer"])
        self.selection.load_state_dict(state["selection"])
        self._learn_from_rounds()
