"""Tensors as files: whole again bit for bit, however they are cut; never the whole of a replay twice."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from unit_trainer.storage_places import new_storage, place

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.artifacts.tensor_files import (
    PIECES_NAME,
    TENSORS_NAME,
    read_tensors,
    write_tensors,
)
from collectiverun_trainer.errors import InputInvalid

STORAGE = new_storage()


def stored(tensors, least_file_bytes: int) -> Artifact:
    writer = ArtifactWriter(STORAGE, place("memory", Path()))
    write_tensors(writer, tensors, least_file_bytes)
    commit = writer.commit({})
    return Artifact.open(STORAGE, commit.uri, commit.manifest_sha256)


shapes = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=7)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(shapes, st.sampled_from([torch.float32, torch.uint8, torch.int64]))),
    st.integers(1, 400),
)
def test_tensors_come_back_bit_for_bit_however_they_are_cut(kinds, file_bytes: int):
    generator = torch.Generator().manual_seed(1)
    tensors = {
        f"state.0-a#{index}": torch.randint(0, 200, shape, generator=generator).to(kind)
        for index, (shape, kind) in enumerate(kinds)
    }
    found = read_tensors(stored(tensors, file_bytes))
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_views_are_written_as_what_they_show():
    rows = torch.arange(5 * 100 * 8, dtype=torch.float32).view(5, 100, 8)
    columns = {"obs": rows[:, 3:90, 2:5], "array": rows.numpy()[::2, :, 1]}
    artifact = stored(columns, 500)
    assert len([name for name in artifact.names if name.endswith(".safetensors")]) > 5
    found = read_tensors(artifact)
    assert torch.equal(found["obs"], columns["obs"])
    np.testing.assert_array_equal(found["array"].numpy(), columns["array"])


def test_a_small_state_is_one_file():
    assert stored({"a": torch.zeros(1000), "b": torch.zeros(0)}, 2**20).names == (TENSORS_NAME,)
    assert stored({}, 2**20).names == (TENSORS_NAME,)


def test_a_piece_that_is_missing_is_found_out():
    writer = ArtifactWriter(STORAGE, place("memory", Path()))
    writer.add_tensors(TENSORS_NAME, {"rows#0": torch.zeros(4)})
    writer.add_json(PIECES_NAME, {"rows": [3, 4]})
    commit = writer.commit({})
    with pytest.raises(InputInvalid, match="lacks pieces of rows"):
        read_tensors(Artifact.open(STORAGE, commit.uri))


@pytest.mark.parametrize("experts", [1, 5])
def test_saving_a_replay_of_200_000_env_steps_takes_half_of_it_at_most(experts: int):
    benchmark = Path(__file__).parents[2] / "benchmarks" / "saved_replay.py"
    printed = subprocess.run(
        [sys.executable, str(benchmark), "--experts", str(experts)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert 1.0 < json.loads(printed)["savePeak"] <= 1.5
