"""Models of stable-baselines3 that are damaged, or not understood: each is refused, and it is said why."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from phases.sb3_models import Shapes, altered, saved, trained_sac, with_data, with_weights
from stable_baselines3 import PPO, TD3

from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.importing.sb3 import read_sac


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good file."""
    return saved(trained_sac(), tmp_path_factory.mktemp("sb3") / "door.zip").read_bytes()


@pytest.fixture
def file(content: bytes, tmp_path: Path) -> Path:
    """One that a test may alter."""
    path = tmp_path / "door.zip"
    path.write_bytes(content)
    return path


def _entry(name: str, content: bytes) -> Callable[[Path], Path]:
    return lambda path: altered(path, name, lambda _: content)


def _dropped(name: str) -> Callable[[Path], Path]:
    return lambda path: altered(path, name, lambda _: None)


def _weights(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path], Path]:
    return lambda path: with_weights(path, lambda weights: weights | {name: change(weights[name])})


def _model(*arguments: Any, **settings: Any) -> Callable[[Path], Path]:
    return lambda path: saved(trained_sac(*arguments, **settings), path)


def _text(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


def _cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-3000])
    return path


def _flipped(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    place = zipfile.ZipFile(path).getinfo("policy.pth").header_offset + 20_000
    content[place] ^= 1
    path.write_bytes(content)
    return path


def _gone(path: Path) -> Path:
    path.unlink()
    return path


TANH = {"net_arch": [16], "activation_fn": torch.nn.Tanh}
PI_QF = {"net_arch": {"pi": [16], "qf": [32]}}
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no file": (_gone, "there is no file "),
    "no zip": (_text(b"weights"), "can't be read as a zip file"),
    "an empty file": (_text(b""), "can't be read as a zip file"),
    "cut off": (_cut, "has no data and no policy.pth"),
    "a bit that is flipped": (_flipped, "Bad CRC-32 for file 'policy.pth'"),
    "no data": (_dropped("data"), "has no data: it is not what SAC.save"),
    "no weights": (_dropped("policy.pth"), r"has no policy\.pth: it is not what"),
    "data that is not JSON": (_entry("data", b"{"), "'data' of .* is not JSON"),
    "data that is a list": (_entry("data", b"[]"), "'data' of .* is no JSON obj"),
    "data nested too deep": (_entry("data", b"[" * 10**6), "'data' of .* is not JSON"),
    "a zip bomb": (_entry("data", b" " * (65 << 20)), "unpack to 65 MiB; the limit is 64"),
    "weights that are no zip": (_entry("policy.pth", b"x"), "policy.pth of .* zip file"),
    "TD3": (_model(algorithm=TD3), r"a policy of stable_baselines3\.td3\.policies; only SAC"),
    "PPO": (_model(algorithm=PPO, n_steps=64), "stable_baselines3.common.policies; only SAC"),
    "38 observations": (_model(Shapes(obs=38)), r"shape \[38\]; Meta-World's is \[39\]"),
    "3 actions": (_model(Shapes(actions=3)), r"action_space has shape \[3\]; Meta-World's is \[4\]"),
    "actions to 2": (_model(Shapes(limit=2.0)), r"low is \[-2\. -2\. -2\. -2\.\]; Meta-World's is -1"),
    "Tanh": (_model(policy_kwargs=TANH), r"policy_kwargs\.activation_fn is <class '.*Tanh'>; only .*ReLU"),
    "gSDE": (_model(use_sde=True), "policy_kwargs.use_sde is True; only False is understood"),
    "three critics": (_model(policy_kwargs={"n_critics": 3}), "policy_kwargs.n_critics is 3; only 2"),
    "other critics": (_model(policy_kwargs=PI_QF), r"qf0 has widths \[43, 32, 1\], not \[43, 16, 1\]"),
    "a linear actor": (_model(policy_kwargs={"net_arch": []}), r"the layers of actor.latent_pi are \[\]"),
    "a layer of 4": (_model(policy_kwargs={"net_arch": [4]}), r"layers of \[4\], which are no hiddenSizes"),
    "an unknown setting": (
        lambda path: with_data(path, policy_kwargs={"residual": True}),
        "policy_kwargs.residual is True, which is not understood",
    ),
    "no number": (_weights("actor.mu.bias", lambda bias: bias * torch.nan), "mu holds numbers that are not"),
    "half precision": (_weights("actor.mu.bias", torch.Tensor.half), "numbers are torch HalfStorage"),
    "a head of another size": (
        _weights("actor.mu.bias", lambda bias: bias[:2].clone()),
        r"actor.mu has shapes \(4, 16\) and \(2,\), not a linear layer's",
    ),
    "a tensor askew": (_weights("actor.mu.weight", lambda w: w.t().contiguous().t()), "not contiguous"),
    "a layer too many": (
        lambda path: with_weights(path, lambda weights: weights | {"actor.norm.weight": torch.ones(4)}),
        "policy.pth also holds actor.norm.weight, which is not understood",
    ),
    "no tensors": (lambda path: with_weights(path, lambda _: {"a": 1}), "it holds no tensors by name"),
    "no spread": (
        lambda path: with_weights(path, lambda w: {k: v for k, v in w.items() if "log_std" not in k}),
        r"has no actor\.log_std\.weight: it is no SAC of stable-baselines3 without gSDE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_understood_is_refused_in_one_sentence(kind: str, file: Path) -> None:
    change, told = REFUSED[kind]
    with pytest.raises(InputInvalid, match=told) as refused:
        read_sac(change(file))
    sentence = str(refused.value)
    assert str(file) in sentence
    assert "\n" not in sentence
    assert len(sentence) < 400
