"""When a learner acts at random, takes gradient steps, is evaluated and is done."""

from __future__ import annotations

from dataclasses import dataclass

from collectiverun_trainer.config import EnvironmentSettings, SACParams
from collectiverun_trainer.sac.batch import Emphasis


@dataclass(frozen=True)
class Schedule:
    """What the parameters say about time; the budget is rounded up to whole episodes."""

    params: SACParams
    settings: EnvironmentSettings

    @property
    def decisions(self) -> int:
        """Decisions of the whole budget."""
        episodes = -(-self.params.total_env_steps // self.settings.horizon_env_steps)
        return episodes * self.settings.horizon

    @property
    def total_env_steps(self) -> int:
        """Env steps of the whole budget."""
        return self.env_steps(self.decisions)

    @property
    def random_decisions(self) -> int:
        """First decisions, taken at random; demonstrations take their place."""
        if self.params.demonstrations:
            return 0
        return self.params.random_env_steps // self.settings.action_repeat

    @property
    def decisions_before_learning(self) -> int:
        """Decisions before the first gradient step: at least one whole episode is in the replay by then."""
        return max(self.random_decisions, self.settings.horizon)

    def emphasis(self, decisions: int) -> Emphasis:
        """What gradient steps are about in the episode that the next decision is part of."""
        begun = self.env_steps(decisions // self.settings.horizon * self.settings.horizon)
        fading = 1.0 - begun / self.total_env_steps
        return Emphasis(
            actor=begun >= self.params.imitation_env_steps,
            imitation=self.params.imitation_weight * fading,
        )

    def env_steps(self, decisions: int) -> int:
        """Env steps that so many decisions take."""
        return decisions * self.settings.action_repeat

    def gradient_steps(self, decisions: int) -> int:
        """Gradient steps made after so many decisions."""
        learning = max(0, decisions - self.decisions_before_learning)
        return learning * self.params.gradient_steps_per_decision

    def evaluation_due(self, decisions: int) -> bool:
        """Whether the episode just played crossed a multiple of the evaluation distance, or was the last."""
        every, now = self.params.evaluation_every_env_steps, self.env_steps(decisions)
        return decisions >= self.decisions or now // every > (now - self.settings.horizon_env_steps) // every
