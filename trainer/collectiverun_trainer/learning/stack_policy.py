"""The deterministic policies of learners in a stack."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from collectiverun_trainer.environments.observation import ACTION_SIZE, Array
from collectiverun_trainer.rollouts.policy import MemorylessPolicy
from collectiverun_trainer.sac.agent import StackedSAC, pad_rows
from collectiverun_trainer.sac.networks import StackedMLP, gaussian_head, take


class StackPolicy(MemorylessPolicy):
    """Mean actions of some averaged actors of a stack; rows lie slot by slot, equally many of each."""

    def __init__(self, agent: StackedSAC, slots: Sequence[int]) -> None:
        self.scale, self.device = agent.scale, agent.device
        hidden = agent.params.hidden_sizes
        self.actor = StackedMLP(len(slots), agent.obs_size, hidden, 2 * ACTION_SIZE).to(agent.device)
        self.actor.load_state_dict(take(agent.averaged_actor.state_dict(), slots))
        self.slots = len(slots)

    @torch.no_grad()
    def act(self, obs: Array) -> Array:
        """Actions (n, 4), n / slots rows for each slot."""
        rows = torch.from_numpy(obs).to(self.device).view(self.slots, -1, obs.shape[-1])
        mu, _ = gaussian_head(self.actor(self.scale(pad_rows(rows))))
        action: Array = torch.tanh(mu[:, : rows.shape[1]]).flatten(0, 1).cpu().numpy()
        return action
