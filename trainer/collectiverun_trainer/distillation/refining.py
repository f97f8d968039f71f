"""Refinement: gradient steps on the whole online buffer until nothing improves any more."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.collective.policy import Collective, CollectivePolicy
from collectiverun_trainer.config import EnvironmentSettings, RefinementParams, Task
from collectiverun_trainer.distillation.distiller import ACTOR, CRITIC, Distiller, Losses
from collectiverun_trainer.distillation.rows import BalancedRows, pack_episodes
from collectiverun_trainer.learning.selection import Selection, rank
from collectiverun_trainer.order import Success
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.rollouts.evaluation import evaluate_for_selection
from collectiverun_trainer.rollouts.outcomes import Outcomes, mean_success
from collectiverun_trainer.seeding import torch_generator

PHASE = "refinement"


class Refining:
    """Further training of a copy of the given collective's network; the collective itself is not changed.

    Args:
        collective: as published by online distillation.
        episodes: its online buffer, with episodes held out for validation.

    Raises:
        ValueError: a task has no episodes to learn from, or none held out.
    """

    def __init__(
        self,
        collective: Collective,
        episodes: Episodes,
        settings: EnvironmentSettings,
        params: RefinementParams,
        seed: int,
        device: torch.device,
    ) -> None:
        self.collective, self.settings, self.params = collective, settings, params
        self.tasks = episodes.tasks
        self._packed = pack_episodes(episodes).to(device)
        self._batches = BalancedRows([rows.to(device) for rows in rows_of_tasks(episodes, held_out=False)])
        self._held_out = [rows.to(device) for rows in rows_of_tasks(episodes, held_out=True)]
        self._generator = torch_generator(seed, PHASE, None, "batches")
        network = copy.deepcopy(collective.network)
        self.distiller = Distiller(network, params, critics=collective.q_scale is not None)
        self.distiller.q_scale = collective.q_scale and collective.q_scale.to(device)
        self.selection = Selection()
        self.given: tuple[Success, float] | None = None
        """Success on selection goals and validation loss of the given collective."""
        self.best_loss = math.inf
        self._without_improvement = 0

    @property
    def done(self) -> bool:
        """Whether the budget is spent or patience has run out."""
        spent = self.distiller.gradient_steps >= self.params.gradient_steps
        return spent or self._without_improvement >= self.params.patience

    @property
    def evaluation_due(self) -> bool:
        """Whether the steps made so far are a multiple of the parameter, or all there are."""
        steps = self.distiller.gradient_steps
        return steps % self.params.evaluation_every_gradient_steps == 0 or steps == self.params.gradient_steps

    def learn(self) -> None:
        """One gradient step on the training episodes."""
        rows = self.distiller.rows_per_task(len(self.tasks))
        self.distiller.learn(self._batches.draw(self._packed, rows, self._generator))

    def evaluate(self) -> tuple[dict[Task, Outcomes], Losses]:
        """Success on selection goals and losses (tasks,) on the held-out episodes; both are recorded."""
        policy = CollectivePolicy(self.collective.encoder, self.distiller.network)
        outcomes = evaluate_for_selection(policy, self.tasks, self.settings, self.params.selection_episodes)
        losses = self.distiller.losses_on(self._packed, self._held_out)
        self._record(mean_success(outcomes.values()), self._total(losses))
        return outcomes, losses

    def _total(self, losses: Losses) -> float:
        total = losses[ACTOR].mean()
        if CRITIC in losses:
            total = total + self.params.critic_weight * losses[CRITIC].mean()
        return float(total)

    def _record(self, success: Success, loss: float) -> None:
        """The first score is that of the given collective; later ones must improve on one of the two."""
        if self.given is None:
            self.given, self.best_loss = (success, loss), loss
            return
        bar = max(rank(self.given[0]), rank(self.selection.best) if self.selection.best else (0.0, 0.0))
        gain = loss < self.best_loss or rank(success) > bar
        self._without_improvement = 0 if gain else self._without_improvement + 1
        self.best_loss = min(self.best_loss, loss)
        state = self.distiller.weights_state() | {"validation_loss": loss}
        self.selection.offer(self.distiller.gradient_steps, success, state)

    @property
    def helped(self) -> bool:
        """Whether the best refined network beats the given one in success, or equals it at a lower loss."""
        if self.given is None or self.selection.best is None:
            return False
        success, loss = self.given
        best, best_loss = self.selection.best, self.selection.state["validation_loss"]
        return (*rank(best), -best_loss) > (*rank(success), -loss)

    def refined(self) -> Collective:
        """The collective with the best refined weights."""
        self.distiller.load_weights_state(self.selection.state)
        collective = self.collective
        return Collective(
            self.distiller.network, collective.encoder, collective.tasks, self.distiller.q_scale
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything the rest depends on; may be taken after any gradient step."""
        return {
            "distiller": self.distiller.state_dict(),
            "selection": self.selection.state_dict(),
            "generator": self._generator.get_state(),
            "given": [list(rank(self.given[0])), self.given[1]] if self.given else None,
            "best_loss": self.best_loss,
            "without_gain": self._without_improvement,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict` of a refinement with the same inputs, parameters and seed."""
        self.distiller.load_state_dict(state["distiller"])
        self.selection.load_state_dict(state["selection"])
        self._generator.set_state(state["generator"])
        if state["given"]:
            (at_end, any_step), loss = state["given"]
            self.given = Success(at_end=at_end, any_step=any_step), loss
        self.best_loss, self._without_improvement = state["best_loss"], state["without_gain"]


def rows_of_tasks(episodes: Episodes, held_out: bool) -> list[Tensor]:
    """Row numbers of each task's episodes, either those held out or the others.

    Raises:
        ValueError: a task has none.
    """
    episode = episodes.episode_of_row
    chosen = (episodes.validation == held_out)[episode]
    rows = [
        torch.nonzero(chosen & (episodes.task[episode] == t)).flatten() for t in range(len(episodes.tasks))
    ]
    if empty := [task.name for task, of_task in zip(episodes.tasks, rows, strict=True) if not len(of_task)]:
        part = "held out for validation" if held_out else "to learn from"
        raise ValueError(
            f"no episodes of {', '.join(empty)} are {part}; raise envStepsPerTask of onlineDistillation"
        )
    return rows
