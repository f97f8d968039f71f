"""Generators depend on what they are for and on nothing else."""

import itertools

import numpy as np
import pytest
import torch

from collectiverun_trainer.config import Task
from collectiverun_trainer.seeding import (
    generator_state,
    numpy_generator,
    restore_generator,
    torch_generator,
)

REACH, PUSH = Task(env="reach-v3"), Task(env="push-v3")


def test_equal_purposes_give_equal_numbers():
    for make in (numpy_generator, torch_generator):
        first, second = (make(1, "experts", REACH, "actions") for _ in range(2))
        assert str(generator_state(first)) == str(generator_state(second))


def test_every_part_of_the_purpose_counts():
    purposes = itertools.product((1, 2), ("experts", "students"), (REACH, PUSH, None), ("actions", "replay"))
    purposes = list(purposes)
    first_numbers = {numpy_generator(*purpose).integers(2**63) for purpose in purposes}
    assert len(first_numbers) == len(purposes)
    first_numbers = {
        torch.rand(4, generator=torch_generator(*purpose)).numpy().tobytes() for purpose in purposes
    }
    assert len(first_numbers) == len(purposes)


def test_the_numbers_are_those_of_every_machine():
    """Pinned: another number here means that finished runs can't be repeated."""
    assert numpy_generator(1, "experts", REACH, "actions").integers(2**32) == 1_301_808_666
    assert torch_generator(1, "experts", REACH, "actions").initial_seed() == 4_012_509_837


@pytest.mark.parametrize("make", [numpy_generator, torch_generator])
def test_a_restored_generator_goes_on_where_it_was(make):
    def draw(generator):
        if isinstance(generator, torch.Generator):
            return torch.randn(5, generator=generator).tolist()
        return generator.standard_normal(5, dtype=np.float32).tolist()

    generator = make(3, "students", None, "exploration")
    draw(generator)
    state = generator_state(generator)
    expected = draw(generator)
    other = make(4, "experts", REACH, "else")
    restore_generator(other, state)
    assert draw(other) == expected


def test_a_state_of_the_other_kind_is_refused():
    of_numpy, of_torch = numpy_generator(1, "experts", None, "x"), torch_generator(1, "experts", None, "x")
    with pytest.raises(TypeError, match="is no state of a Generator"):
        restore_generator(of_numpy, generator_state(of_torch))
    with pytest.raises(TypeError, match="is no state of a Generator"):
        restore_generator(of_torch, generator_state(of_numpy))
