"""Rows survive packing, and every batch holds equally many rows of each task."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest
import torch
from unit_trainer.recorded_episodes import recorded

from collectiverun_trainer.distillation.rows import (
    Q_COLUMN,
    BalancedRows,
    Labelled,
    pack_episodes,
    row_width,
)


def labelled(rows: int, embedding_size: int) -> Labelled:
    sizes = (39, 4, 4, 4, 1, embedding_size)
    return Labelled(*(torch.randn(rows, size) for size in sizes))


def test_packed_rows_unpack_to_what_they_were() -> None:
    rows = labelled(5, 6)
    packed = rows.pack()
    assert packed.shape == (5, row_width(6))
    assert torch.equal(packed[:, Q_COLUMN], rows.q[:, 0])
    for column, back in zip(astuple(rows), astuple(Labelled.unpack(packed)), strict=True):
        assert torch.equal(column, back)


def test_an_online_buffer_packs_row_by_row_and_one_without_embeddings_is_refused() -> None:
    episodes = recorded([3, 2], [0, 1])
    with pytest.raises(ValueError, match="not an online buffer"):
        pack_episodes(episodes)
    packed = pack_episodes(replace(episodes, z=torch.arange(10.0).view(5, 2)))
    assert torch.equal(Labelled.unpack(packed).obs, episodes.obs)
    assert torch.equal(Labelled.unpack(packed).z, torch.arange(10.0).view(5, 2))


def test_batches_are_balanced_whatever_the_tasks_have() -> None:
    rows_of_task = [torch.tensor([0, 1, 2, 3, 4, 5, 6]), torch.tensor([9]), torch.tensor([7, 8])]
    packed = torch.arange(10.0)[:, None]
    batch = BalancedRows(rows_of_task).draw(packed, 200, torch.Generator().manual_seed(0))
    assert batch.shape == (3, 200, 1)
    for drawn, allowed in zip(batch[..., 0], rows_of_task, strict=True):
        assert set(drawn.tolist()) == set(allowed.tolist())


def test_the_same_generator_draws_the_same_batch() -> None:
    rows, packed = BalancedRows([torch.arange(50), torch.arange(50, 90)]), torch.randn(90, 3)
    one, other = (rows.draw(packed, 8, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one, other)
