"""Checkpoints: every bit comes back, the newest whole one counts, and no more stay than are needed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from unit_trainer.storage_places import SCHEMES, new_storage, place

from collectiverun_trainer.artifacts.artifact import COMMIT_NAME, MANIFEST_NAME
from collectiverun_trainer.artifacts.checkpoint import TREE_NAME, CheckpointStore
from collectiverun_trainer.artifacts.state_tree import flatten, unflatten
from collectiverun_trainer.artifacts.storage import join
from collectiverun_trainer.artifacts.tensor_files import TENSORS_NAME
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration
from collectiverun_trainer.sac.optimiser import Adam

STORAGE = new_storage()

arrays = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
keys = st.text(max_size=6) | st.integers() | st.sampled_from(["$tensor", "$dict", "$", "a.b"])
trees = st.recursive(
    scalars | arrays | arrays.map(torch.from_numpy) | arrays.map(lambda array: torch.from_numpy(array.T)),
    lambda children: (
        st.lists(children, max_size=3)
        | st.lists(children, max_size=3).map(tuple)
        | st.dictionaries(keys, children, max_size=3)
    ),
    max_leaves=12,
)


def same(left: Any, right: Any) -> bool:
    """Equal types, shapes and bits all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        return left.shape == right.shape and same(left.numpy(), right.numpy())
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)
    return left == right and (
        not isinstance(left, float) or math.copysign(1, left) == math.copysign(1, right)
    )


@pytest.fixture(params=SCHEMES)
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return place(request.param, tmp_path)


@settings(max_examples=100)
@given(state=st.dictionaries(keys, trees, max_size=4))
def test_every_state_comes_back_bit_for_bit(state: dict[Any, Any]):
    store = CheckpointStore(STORAGE, place("memory", Path()), attempt=1)
    store.save(7, state)
    found = store.latest()
    assert found is not None
    assert found[0] == 7
    assert same(found[1], state)


def test_an_optimiser_and_generators_go_on_as_if_never_interrupted(uri: str):
    def train(parameter, optimiser, generator, steps):
        for _ in range(steps):
            optimiser.zero_grad()
            (parameter * torch.randn(3, generator=generator)).sum().backward()
            optimiser.step()

    def fresh():
        parameter = torch.nn.Parameter(torch.ones(3))
        return parameter, Adam([parameter], lr=0.1), torch.Generator().manual_seed(3)

    whole = fresh()
    train(*whole, steps=6)
    first = fresh()
    train(*first, steps=3)
    state = {"parameter": first[0], "optimiser": first[1].state_dict(), "generator": first[2].get_state()}
    CheckpointStore(STORAGE, uri, attempt=1).save(3, state)
    found = CheckpointStore(STORAGE, uri, attempt=2).latest()
    assert found is not None
    second = fresh()
    second[0].data.copy_(found[1]["parameter"])
    second[1].load_state_dict(found[1]["optimiser"])
    second[2].set_state(found[1]["generator"])
    train(*second, steps=3)
    assert torch.equal(second[0], whole[0])


@pytest.mark.parametrize(
    ("value", "place_in_state"),
    [
        ({"a": [1, np.float64(2.0)]}, r"state\.0-a\.1 is a float64"),
        ({"a": {"b": {1, 2}}}, r"state\.0-a\.0-b is a set"),
        ({"a": b"bytes"}, r"state\.0-a is a bytes"),
    ],
    ids=["numpy scalar", "set", "bytes"],
)
def test_what_can_not_come_back_exactly_is_refused_with_its_place(uri: str, value, place_in_state: str):
    with pytest.raises(TypeError, match=place_in_state):
        CheckpointStore(STORAGE, uri, attempt=1).save(1, value)
    assert CheckpointStore(STORAGE, uri, attempt=1).latest() is None


def test_without_checkpoints_there_is_none(uri: str):
    assert CheckpointStore(STORAGE, uri, attempt=1).latest() is None


def test_only_the_newest_stay(uri: str):
    store = CheckpointStore(STORAGE, uri, attempt=1, keep=2)
    for step in (0, 10, 20, 100):
        store.save(step, {"step": step})
    assert STORAGE.list(uri) == ["attempt-1-step-100", "attempt-1-step-20"]
    assert store.latest() == (100, {"step": 100})


@pytest.mark.parametrize("file", [TENSORS_NAME, TREE_NAME, MANIFEST_NAME, COMMIT_NAME])
@pytest.mark.parametrize("kind", ["truncated", "missing", "flipped"])
def test_a_torn_checkpoint_gives_way_to_the_one_before_it(uri: str, file: str, kind: str, caplog):
    store = CheckpointStore(STORAGE, uri, attempt=1)
    for step in (10, 20):
        store.save(step, {"weight": torch.full((4,), float(step))})
    address = join(uri, "attempt-1-step-20", file)
    data = STORAGE.read(address)
    STORAGE.delete_tree(address)
    if kind != "missing":
        STORAGE.write(address, data[:-1] if kind == "truncated" else bytes([data[0] ^ 1]) + data[1:])
    found = CheckpointStore(STORAGE, uri, attempt=2).latest()
    assert found is not None
    assert found[0] == 10
    assert torch.equal(found[1]["weight"], torch.full((4,), 10.0))
    assert "attempt-1-step-20 cannot be used" in caplog.text


def test_more_steps_win_then_the_later_attempt(uri: str):
    CheckpointStore(STORAGE, uri, attempt=2).save(9, {"by": "2 at 9"})
    CheckpointStore(STORAGE, uri, attempt=10).save(9, {"by": "10 at 9"})
    assert CheckpointStore(STORAGE, uri, attempt=11).latest() == (9, {"by": "10 at 9"})
    CheckpointStore(STORAGE, uri, attempt=3).save(11, {"by": "3 at 11"})
    assert CheckpointStore(STORAGE, uri, attempt=11).latest() == (11, {"by": "3 at 11"})


def test_a_zombie_removes_nothing_of_the_attempt_that_replaced_it(uri: str):
    zombie = CheckpointStore(STORAGE, uri, attempt=1, keep=1)
    zombie.save(10, {})
    CheckpointStore(STORAGE, uri, attempt=2, keep=1).save(10, {})
    for step in (20, 30):
        zombie.save(step, {})
    assert "attempt-2-step-10" in STORAGE.list(uri)


def test_torn_newer_ones_never_push_out_a_good_one(uri: str):
    first = CheckpointStore(STORAGE, uri, attempt=1, keep=3)
    for step in (10, 20, 30):
        first.save(step, {"step": step})
    for step in (20, 30):
        STORAGE.delete_tree(join(uri, f"attempt-1-step-{step}", COMMIT_NAME))
    second = CheckpointStore(STORAGE, uri, attempt=2, keep=2)
    assert second.latest() == (10, {"step": 10})
    second.save(15, {"step": 15})
    assert STORAGE.list(uri) == ["attempt-1-step-10", "attempt-2-step-15"]


def test_the_checkpoint_of_another_configuration_is_refused(uri: str):
    CheckpointStore(STORAGE, uri, 1, config={"seed": 1, "params": {"discount": 0.99}}).save(1, {})
    other = CheckpointStore(STORAGE, uri, 2, config={"seed": 1, "params": {"discount": 0.9, "newer": 1}})
    with pytest.raises(InvalidConfiguration, match=r"params\.discount is now 0\.9, was 0\.99"):
        other.latest()


def test_other_names_are_left_alone(uri: str):
    STORAGE.write(join(uri, "notes/readme.txt"), b"a person's")
    store = CheckpointStore(STORAGE, uri, attempt=1, keep=1)
    for step in (1, 2):
        store.save(step, {})
    assert STORAGE.list(uri) == ["attempt-1-step-2", "notes"]


def test_a_tree_without_its_tensors_is_refused():
    tree, tensors = flatten({"weight": torch.ones(2)})
    tensors.clear()
    with pytest.raises(InputInvalid, match="do not belong together"):
        unflatten(tree, {})


@settings(max_examples=200, deadline=None)
@given(
    turns=st.lists(
        st.tuples(st.sampled_from(["one", "two", "three"]), st.sampled_from(["start", 1, 2, 9])), max_size=25
    )
)
def test_pods_of_one_attempt_that_write_at_once_lose_nothing(turns: list[tuple[str, Any]]):
    """A node that was lost comes back and still writes: what is farthest is always found."""
    uri = place("memory", Path())
    steps: dict[str, int] = {}
    stores: dict[str, CheckpointStore] = {}
    farthest = None
    for number, (pod, turn) in enumerate(turns):
        if turn == "start" or pod not in stores:
            stores[pod] = CheckpointStore(STORAGE, uri, attempt=1, pod=f"{pod}{number}")
            found = stores[pod].latest()
            steps[pod] = found[0] if found else 0
        if turn != "start":
            steps[pod] += turn
            stores[pod].save(steps[pod], {"step": steps[pod]})
            farthest = max(farthest or 0, steps[pod])
    expected = None if farthest is None else (farthest, {"step": farthest})
    assert CheckpointStore(STORAGE, uri, attempt=1).latest() == expected


def test_a_checkpoint_replaced_while_it_is_looked_for_is_found_in_its_successor(uri: str, monkeypatch):
    old = CheckpointStore(STORAGE, uri, attempt=1, keep=1, pod="old")
    old.save(1, {"step": 1})
    new = CheckpointStore(STORAGE, uri, attempt=1, pod="new")
    names, listed = new._names, []

    def list_and_be_late() -> list[Any]:
        found = names()
        if not listed:
            old.save(2, {"step": 2})
        listed.append(found)
        return found

    monkeypatch.setattr(new, "_names", list_and_be_late)
    assert new.latest() == (2, {"step": 2})
