"""Triples: balanced over tasks, positives of other episodes, neighbours close in time, every t drawn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from unit_trainer.recorded_episodes import recorded

from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.transformer.sampling import TripleSampler
from collectiverun_trainer.transformer.windows import Windows

T = 4
PARAMS = TrajectoryTransformerParams(window=T)
SELF_SUPERVISED = PARAMS.model_copy(update={"positives": "selfSupervised"})
# Task 0 has many more rows than the others, and episodes of a task are not side by side.
EPISODES = recorded([30, 6, 30, 6, 30, 5, 7, 30], [0, 1, 0, 2, 0, 1, 2, 0])


def sampler(params: TrajectoryTransformerParams = PARAMS, seed: int = 0) -> TripleSampler:
    return TripleSampler(EPISODES, params, torch.Generator().manual_seed(seed))


def episode(window: Windows) -> Tensor:
    return window.reward[:, -1, 0].long()


def decision(window: Windows) -> Tensor:
    """The decision a window is looked at for; -1 if its history is empty."""
    return torch.where(window.mask[:, -1], window.action[:, -1, 0].long() + 1, -1)


def test_a_batch_is_balanced_over_tasks() -> None:
    for count, share in ((9, [3, 3, 3]), (10, [3, 3, 4])):
        group = sampler().draw(count).group
        assert sorted(torch.bincount(group).tolist()) == share


def test_positives_are_of_the_same_task_and_another_episode() -> None:
    triples = sampler().draw(600)
    seen = triples.anchor.mask[:, -1] & triples.positive.mask[:, -1]
    anchor, positive = episode(triples.anchor)[seen], episode(triples.positive)[seen]
    assert (anchor != positive).all()
    assert torch.equal(EPISODES.task[anchor], EPISODES.task[positive])
    assert torch.equal(EPISODES.task[anchor], triples.group[seen])
    assert set(anchor.tolist()) == set(positive.tolist()) == set(range(8))


def test_without_task_ids_positives_are_other_crops_of_the_same_episode() -> None:
    triples = sampler(SELF_SUPERVISED).draw(600)
    seen = triples.anchor.mask[:, -1] & triples.positive.mask[:, -1]
    assert torch.equal(episode(triples.anchor)[seen], episode(triples.positive)[seen])
    assert torch.equal(episode(triples.anchor)[seen], triples.group[seen])
    assert (decision(triples.anchor) != decision(triples.positive)).any()


def test_neighbours_follow_within_a_window() -> None:
    triples = sampler().draw(600)
    anchor, neighbour = decision(triples.anchor).clamp_min(0), decision(triples.neighbour)
    length = EPISODES.lengths[episode(triples.neighbour)]
    later = neighbour - anchor
    at_the_end = neighbour == length - 1
    assert ((later >= 1) & (later <= T) | at_the_end & (later == 0)).all()
    assert set(later.tolist()) == set(range(T + 1))


def test_every_decision_is_drawn_short_histories_included() -> None:
    anchor = sampler().draw(3000).anchor
    completed = anchor.mask.sum(dim=1)
    assert set(completed.tolist()) == set(range(T + 1))
    of_first = decision(anchor)[episode(anchor) == 0]
    assert set(of_first.tolist()) - {-1} == set(range(1, 30))


def test_only_its_own_generator_decides() -> None:
    first = sampler().draw(32)
    torch.manual_seed(99)
    second, other = sampler().draw(32), sampler(seed=1).draw(32)
    assert torch.equal(first.anchor.action, second.anchor.action)
    assert not torch.equal(first.anchor.action, other.anchor.action)


def test_a_task_with_one_episode_is_refused_by_name() -> None:
    lonely = recorded([5, 5, 5], [0, 0, 1])
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(InputInvalid, match="push-v3-sawyer has 1 episode"):
        TripleSampler(lonely, PARAMS, generator)
    assert len(TripleSampler(lonely, SELF_SUPERVISED, generator).draw(5).group) == 5
