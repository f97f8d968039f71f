"""Passes over one expert's numbers that numpy would make of several operations each, compiled by numba.

Half of a gradient step of these small networks is not matrix products: normalisation, rectifiers, Adam.
Compiled, each is one pass over numbers that are in the processor's cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from collectiverun_trainer.compiling import compiled
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.sac.losses import HALF_LOG_TWO_PI, SATURATION_FLOOR
from collectiverun_trainer.sac.networks import LAYER_NORM_EPSILON, LOG_STD_MAX, LOG_STD_MIN
from collectiverun_trainer.sac.optimiser import ADAM_EPSILON, FIRST_DECAY, SECOND_DECAY

# Compiled code computes in the width of its constants: every one of them is a float32.
_ZERO, _HALF, _ONE, _TWO = (np.float32(value) for value in (0.0, 0.5, 1.0, 2.0))
_DENSITY, _FLOOR = np.float32(HALF_LOG_TWO_PI), np.float32(SATURATION_FLOOR)
_LEAST, _MOST = np.float32(LOG_STD_MIN), np.float32(LOG_STD_MAX)
_NORM_EPSILON, _ADAM_EPSILON = np.float32(LAYER_NORM_EPSILON), np.float32(ADAM_EPSILON)
_FIRST, _SECOND = np.float32(FIRST_DECAY), np.float32(SECOND_DECAY)

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",  # a check for division by zero would keep loops from using vectors
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},  # sums in lanes; NaN and infinity stay what they are
}


def _compiled(signature: str) -> Callable[[Callable[..., Any]], Any]:
    return compiled(signature, **_OPTIONS)


@_compiled("void(f4[:,::1], f4[::1], f4[:,::1], f4[::1])")
def normalise(x: Array, bias: Array, normal: Array, scale: Array) -> None:
    """Layer-normalise x + bias over each row into `normal`; x becomes its positive part.

    x, normal (B, N); bias (N,); scale (B,): the factor of each row, written.
    """
    share = _ONE / np.float32(x.shape[1])
    for row in range(x.shape[0]):
        total = _ZERO
        for column in range(x.shape[1]):
            value = x[row, column] + bias[column]
            normal[row, column] = value
            total += value
        mean = total * share
        squares = _ZERO
        for column in range(x.shape[1]):
            distance = normal[row, column] - mean
            squares += distance * distance
        scale[row] = _ONE / math.sqrt(squares * share + _NORM_EPSILON)
        for column in range(x.shape[1]):
            value = (normal[row, column] - mean) * scale[row]
            normal[row, column] = value
            x[row, column] = max(value, _ZERO)


@_compiled("void(f4[:,::1], f4[:,::1], f4[::1])")
def through_normalised(gradient: Array, normal: Array, scale: Array) -> None:
    """Turn the gradient (B, N) at the output of `normalise` into that at x + bias, in place."""
    share = _ONE / np.float32(gradient.shape[1])
    for row in range(gradient.shape[0]):
        total, projected = _ZERO, _ZERO
        for column in range(gradient.shape[1]):
            value = gradient[row, column] if normal[row, column] > _ZERO else _ZERO
            gradient[row, column] = value
            total += value
            projected += value * normal[row, column]
        total *= share
        projected *= share
        for column in range(gradient.shape[1]):
            centred = gradient[row, column] - total - normal[row, column] * projected
            gradient[row, column] = scale[row] * centred


@_compiled("void(f4[:,::1], f4[::1])")
def rectify(x: Array, bias: Array) -> None:
    """x becomes max(x + bias, 0)."""
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            x[row, column] = max(x[row, column] + bias[column], _ZERO)


@_compiled("void(f4[:,::1], f4[:,::1])")
def through_rectified(gradient: Array, output: Array) -> None:
    """Zero the gradient where the output of `rectify` is zero, in place."""
    for row in range(gradient.shape[0]):
        for column in range(gradient.shape[1]):
            gradient[row, column] = gradient[row, column] if output[row, column] > _ZERO else _ZERO


@_compiled("void(f4[::1], f4[::1], f4[::1], f4[::1], f4, f4)")
def adam(
    parameter: Array, gradient: Array, first: Array, second: Array, rate: np.float32, correction: np.float32
) -> None:
    """One step of Adam (arXiv:1412.6980) in place.

    Args:
        rate: learning rate over the first moment's bias correction.
        correction: 1 over the root of the second moment's bias correction.
    """
    for i in range(parameter.size):
        mean = first[i] + (gradient[i] - first[i]) * (_ONE - _FIRST)
        square = _SECOND * second[i] + (_ONE - _SECOND) * gradient[i] * gradient[i]
        first[i] = mean
        second[i] = square
        parameter[i] -= rate * mean / (math.sqrt(square) * correction + _ADAM_EPSILON)


@_compiled("void(f4[::1], f4[::1], f4)")
def average(slow: Array, fast: Array, share: np.float32) -> None:
    """Move `slow` by a share of its distance to `fast`, in place."""
    for i in range(slow.size):
        slow[i] += share * (fast[i] - slow[i])


@_compiled("void(f4[:,::1], f4[:,:], f4[:,::1], f4[:,::1], f4[::1])")
def sample(head: Array, noise: Array, action: Array, spread: Array, log_prob: Array) -> None:
    """Squashed Gaussian sample, as `losses.squash` has it: head (B, 2A), noise (B, A).

    Written: action (B, A), spread (B, A), the standard deviation times noise, and log_prob (B,).
    """
    size = noise.shape[1]
    for row in range(noise.shape[0]):
        total = _ZERO
        for k in range(size):
            log_std = min(max(head[row, size + k], _LEAST), _MOST)
            drawn = noise[row, k]
            spread[row, k] = math.exp(log_std) * drawn
            value = math.tanh(head[row, k] + spread[row, k])
            action[row, k] = value
            total -= _HALF * drawn * drawn + log_std + _DENSITY + math.log(_ONE - value * value + _FLOOR)
        log_prob[row] = total


@_compiled("void(f4[:,::1], f4, f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1])")
def through_sample(
    of_action: Array, of_log_prob: np.float32, head: Array, action: Array, spread: Array, gradient: Array
) -> None:
    """Gradient (B, 2A) at `head` from those at each action (B, A) and at every log density."""
    size = action.shape[1]
    for row in range(action.shape[0]):
        for k in range(size):
            slope = _ONE - action[row, k] * action[row, k]
            of_density = of_log_prob * _TWO * action[row, k] / (slope + _FLOOR)
            of_sum = (of_action[row, k] + of_density) * slope
            gradient[row, k] = of_sum
            free = _LEAST <= head[row, size + k] <= _MOST
            gradient[row, size + k] = of_sum * spread[row, k] - of_log_prob if free else _ZERO
