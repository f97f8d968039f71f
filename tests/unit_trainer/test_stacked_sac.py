"""The stacked agent: right against a plain one, the same alone or grouped, exact when saved or cut."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from unit_trainer.exact_states import assert_equal
from unit_trainer.random_transitions import agent, filled_replay, generators, train

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.environments.observation import scale_obs
from collectiverun_trainer.learning.stack_policy import StackPolicy
from collectiverun_trainer.sac.agent import StackedSAC
from collectiverun_trainer.sac.batch import Batch
from collectiverun_trainer.sac.imitation import LOG_STD
from collectiverun_trainer.sac.optimiser import Adam


def test_grouped_experts_learn_what_each_learns_alone() -> None:
    """Equal replay data and equal generators: the same bits, whoever else is in the stack."""
    params = SACParams()
    grouped, replay = agent([1, 2, 3], params), filled_replay([1, 2, 3])
    train(grouped, replay, 20)
    for place, seed in enumerate([1, 2, 3]):
        alone, own_replay = agent([seed], params), filled_replay([seed])
        train(alone, own_replay, 20)
        part = agent([1, 2, 3], params)
        part.load_state_dict(grouped.state_dict())
        part.keep([place])
        assert_equal(part.state_dict(), alone.state_dict())
        assert torch.equal(replay.generators[place].get_state(), own_replay.generators[0].get_state())


def test_experts_that_stay_are_not_changed_by_one_that_leaves() -> None:
    """Early stop: the others' bits are those of a run in which nobody left."""
    together, replay = agent([1, 2, 3]), filled_replay([1, 2, 3])
    cut, cut_replay = agent([1, 2, 3]), filled_replay([1, 2, 3])
    train(together, replay, 5)
    train(cut, cut_replay, 5)
    cut.keep([0, 2])
    cut_replay.keep([0, 2])
    train(together, replay, 20)
    train(cut, cut_replay, 20)
    obs = torch.randn(3, 1, 39)
    acted = together.act(obs)
    assert torch.equal(cut.act(obs[[0, 2]]), acted[[0, 2]])
    together.keep([0, 2])
    assert_equal(cut.state_dict(), together.state_dict())


def test_a_restored_agent_goes_on_bit_for_bit() -> None:
    original, replay = agent([1, 2]), filled_replay([1, 2])
    train(original, replay, 5)
    original.act(torch.zeros(2, 1, 39))
    saved, saved_replay = original.state_dict(), replay.state_dict()
    as_saved = copy.deepcopy(saved)
    restored, other_replay = agent([7, 8]), filled_replay([7, 8])
    restored.load_state_dict(saved)
    other_replay.load_state_dict(saved_replay)
    for sac, memory in ((original, replay), (restored, other_replay)):
        train(sac, memory, 5)
        sac.act(torch.zeros(2, 1, 39))
    assert_equal(restored.state_dict(), original.state_dict())
    assert_equal(saved, as_saved)  # a checkpoint must not change while training goes on


def test_a_fresh_agent_can_be_saved_before_its_first_update() -> None:
    restored = agent([5, 6])
    restored.load_state_dict(agent([1, 2]).state_dict())
    assert_equal(restored.state_dict(), agent([1, 2]).state_dict())


class PlainSAC:
    """One expert of PyTorch's own layers, written from the paper."""

    def __init__(self, stacked: StackedSAC) -> None:
        self.params = stacked.params
        self.actor = plain(stacked.actor.state_dict(), 0, False)
        critics = {name.removeprefix("net."): v for name, v in stacked.critics.state_dict().items()}
        self.critics = [plain(critics, k, stacked.params.critic_layer_norm) for k in range(2)]
        self.targets = copy.deepcopy(self.critics)
        self.log_temperature = torch.tensor(math.log(stacked.params.initial_temperature), requires_grad=True)
        both = [*self.critics[0].parameters(), *self.critics[1].parameters()]
        lr = stacked.params.learning_rate
        self.critic_optimiser = Adam(both, lr)
        self.actor_optimiser = Adam(self.actor.parameters(), lr)
        self.temperature_optimiser = Adam([self.log_temperature], lr)

    def sample(self, obs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_std = self.actor(obs).chunk(2, -1)
        log_std = log_std.clamp(-5.0, 2.0)
        action = torch.tanh(mu + log_std.exp() * noise)
        density = torch.distributions.Normal(mu, log_std.exp()).log_prob(mu + log_std.exp() * noise)
        return action, (density - torch.log(1 - action**2 + 1e-6)).sum(-1)

    def update(self, batch: Batch, noise: Tensor) -> None:
        obs, next_obs = scale_obs(batch.obs[0]), scale_obs(batch.next_obs[0])
        temperature = self.log_temperature.exp().detach()
        with torch.no_grad():
            action, log_prob = self.sample(next_obs, noise[0])
            value = torch.minimum(*(t(torch.cat([next_obs, action], -1))[:, 0] for t in self.targets))
            reward = batch.reward[0] * self.params.reward_scale
            target = reward + self.params.discount * (value - temperature * log_prob)
        x = torch.cat([obs, batch.action[0]], -1)
        loss = sum(functional.mse_loss(critic(x)[:, 0], target) for critic in self.critics)
        descend(self.critic_optimiser, loss)
        action, log_prob = self.sample(obs, noise[1])
        value = torch.minimum(*(critic(torch.cat([obs, action], -1))[:, 0] for critic in self.critics))
        descend(self.actor_optimiser, (temperature * log_prob - value).mean())
        wanted = (-self.log_temperature.exp() * (log_prob.detach() + self.params.target_entropy)).mean()
        descend(self.temperature_optimiser, wanted)
        for critic, slow in zip(self.critics, self.targets, strict=True):
            for new, old in zip(critic.parameters(), slow.parameters(), strict=True):
                old.data += self.params.target_update_rate * (new.data - old.data)


def descend(optimiser: torch.optim.Optimizer, loss: Any) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def plain(state: dict[str, Tensor], slice_: int, layer_norm: bool) -> nn.Sequential:
    parts: list[nn.Module] = []
    count = len(state) // 2
    for number in range(count):
        weight, bias = state[f"layers.{number}.weight"][slice_], state[f"layers.{number}.bias"][slice_, 0]
        linear = nn.Linear(*weight.shape)
        linear.weight.data, linear.bias.data = weight.T.clone(), bias.clone()
        norm = [nn.LayerNorm(weight.shape[1], elementwise_affine=False)] if layer_norm else []
        parts += [linear] if number == count - 1 else [linear, *norm, nn.ReLU()]
    return nn.Sequential(*parts)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_updates_are_those_of_a_plain_agent(layer_norm: bool) -> None:
    params = SACParams(hidden_sizes=(32, 32), batch_size=16, critic_layer_norm=layer_norm)
    stacked, replay = StackedSAC(params, generators([4])), filled_replay([4])
    reference = PlainSAC(stacked)
    shadow = torch.Generator()
    for _ in range(20):
        shadow.set_state(stacked.noise[0].get_state())
        batch = replay.sample(16)
        reference.update(batch, torch.empty(2, 16, 4).normal_(generator=shadow))
        stacked.update(batch)
    obs = torch.randn(16, 39, generator=torch.Generator().manual_seed(1))
    mu, log_std = stacked.gaussian(obs[None])
    expected_mu, expected_log_std = reference.actor(scale_obs(obs)).chunk(2, -1)
    torch.testing.assert_close(mu[0], expected_mu, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(log_std[0], expected_log_std, rtol=1e-3, atol=1e-4)
    x = torch.cat([scale_obs(obs), torch.tanh(mu[0])], -1)
    value = torch.minimum(*(critic(x)[:, 0] for critic in reference.critics))
    torch.testing.assert_close(stacked.q(obs[None], torch.tanh(mu))[0], value, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(stacked.stack.log_temperature[0, 0], reference.log_temperature.detach())


def test_deterministic_actions_are_the_squashed_mean_and_draw_nothing() -> None:
    sac = agent([1, 2])
    obs = torch.randn(2, 3, 39)
    before = [generator.get_state() for generator in sac.exploration]
    action = torch.from_numpy(StackPolicy(sac, range(2)).act(obs.flatten(0, 1).numpy())).view(2, 3, -1)
    torch.testing.assert_close(action, torch.tanh(sac.gaussian(obs)[0]))
    assert_equal([generator.get_state() for generator in sac.exploration], before)
    assert not torch.equal(sac.act(obs), sac.act(obs))


def test_published_actors_are_averages_over_the_gradient_steps() -> None:
    params = SACParams(hidden_sizes=(32, 32), batch_size=16, actor_average_rate=0.25)
    sac, replay = agent([1, 2], params), filled_replay([1, 2])
    average = copy.deepcopy(sac.actor.state_dict())
    for _ in range(5):
        train(sac, replay, 1)
        average = {name: value.lerp(sac.actor.state_dict()[name], 0.25) for name, value in average.items()}
    torch.testing.assert_close(sac.averaged_actor.state_dict(), average)
    assert_equal(
        sac.networks_of(1)["actor"],
        {name: value[1:] for name, value in sac.averaged_actor.state_dict().items()},
    )
    obs = torch.randn(6, 39).numpy()
    mean = sac.averaged_actor(scale_obs(torch.from_numpy(obs)).view(2, 3, 39))[..., :4]
    torch.testing.assert_close(
        StackPolicy(sac, range(2)).act(obs), torch.tanh(mean).flatten(0, 1).detach().numpy()
    )


def test_actors_that_imitate_come_to_act_as_was_demonstrated() -> None:
    """A demonstrator that acts by the sign of what it sees; the critics are not touched."""
    sac, generator = agent([1, 2]), torch.Generator().manual_seed(0)
    critics = copy.deepcopy(sac.critics.state_dict())
    obs = torch.rand(2, 300, 39, generator=generator)
    shown = torch.where(obs[..., :4] > 0.5, 0.8, -0.8)
    nothing = torch.zeros(2, 300)
    batch = Batch(obs, shown, nothing, obs, nothing, examples=300)
    sac.imitate([batch] * 400)
    mu, log_std = sac.gaussian(obs)
    assert (torch.tanh(mu) - shown).abs().mean() < 0.2
    assert (log_std - LOG_STD).abs().mean() < 0.2
    assert_equal(sac.averaged_actor.state_dict(), sac.actor.state_dict())
    assert_equal(sac.critics.state_dict(), critics)


def test_random_actions_cover_the_action_space() -> None:
    action = agent([1, 2]).random_action(500)
    assert action.shape == (2, 500, 4)
    assert action.min() < -0.98
    assert action.max() > 0.98
    assert action.abs().max() <= 1.0


def test_a_bonus_counts_only_with_its_weight() -> None:
    batch = filled_replay([1, 1]).sample(16)
    shaped = replace(batch, bonus=torch.ones(2, 16))
    baseline, bonused = agent([1, 1]), agent([1, 1])
    without = baseline.update(batch)["losses/critic"]
    with_bonus = bonused.update(shaped, bonus_weight=torch.tensor([0.0, 3.0]))["losses/critic"]
    assert with_bonus[0] == without[0]
    assert with_bonus[1] != without[1]
