"""Random generators whose numbers depend on their purpose alone, never on what runs beside them.

A generator is seeded by (seed of the run, phase, task, purpose). So grouping, member, attempt, storage and
the number of cores change nothing. Purposes are part of the seed: changing one changes results.

torch is imported late: who asks for NumPy's generators alone, such as `collectiverun compare`, is spared the
second and a half that loading it takes.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from collectiverun_trainer.config import Task

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def _sequence(seed: int, phase: str, task: Task | None, purpose: str) -> np.random.SeedSequence:
    # A JSON list, because joined strings could collide ("a-b", "c" and "a", "b-c").
    parts = [seed, phase, task.env if task else None, task.robot if task else None, purpose]
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return np.random.SeedSequence(np.frombuffer(digest, dtype="<u4").tolist())


def numpy_generator(seed: int, phase: str, task: Task | None, purpose: str) -> np.random.Generator:
    """Generator of NumPy for one purpose; `task=None` for what all tasks share."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, phase, task, purpose)))


def torch_generator(seed: int, phase: str, task: Task | None, purpose: str) -> torch.Generator:
    """Generator of torch on the CPU for one purpose; `task=None` for what all tasks share."""
    import torch

    # torch's CPU generator takes 32 bits of a seed; more would be dropped in silence.
    word = int(_sequence(seed, phase, task, purpose).generate_state(1, np.uint32)[0])
    return torch.Generator().manual_seed(word)


@overload
def generator_state(generator: torch.Generator) -> Tensor: ...
@overload
def generator_state(generator: np.random.Generator) -> dict[str, Any]: ...
def generator_state(generator: torch.Generator | np.random.Generator) -> Tensor | dict[str, Any]:
    """State of a generator for a checkpoint: a uint8 tensor (torch) or a dict of numbers (NumPy)."""
    if isinstance(generator, np.random.Generator):
        return cast(dict[str, Any], generator.bit_generator.state)
    return generator.get_state()


def restore_generator(
    generator: torch.Generator | np.random.Generator, state: Tensor | dict[str, Any]
) -> None:
    """Restore what `generator_state` returned.

    Raises:
        TypeError: if the state is of the other kind of generator.
    """
    import torch

    if isinstance(generator, torch.Generator) and isinstance(state, torch.Tensor):
        generator.set_state(state)
    elif isinstance(generator, np.random.Generator) and isinstance(state, dict):
        generator.bit_generator.state = state
    else:
        raise TypeError(f"A {type(state).__name__} is no state of a {type(generator).__name__}.")
