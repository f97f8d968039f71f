"""Experts read from their artifacts answer as one batch what each would answer alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.observation import OBS_MEAN, OBS_SPREAD, scale_obs
from collectiverun_trainer.environments.scripted import scripted_action
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import ArtifactReference, StorageOptions
from collectiverun_trainer.policy_files.learners import load_experts
from collectiverun_trainer.sac.networks import StackedMLP, TwinCritics, gaussian_head

TASKS = tuple(Task(env=f"{name}-v3") for name in ("reach", "push", "door-open"))
HIDDEN = (32, 16)
Networks = tuple[StackedMLP, TwinCritics]
Input = tuple[ArtifactReference, Artifact]


def networks(seed: int, hidden: Sequence[int] = HIDDEN) -> Networks:
    generators = [torch.Generator().manual_seed(seed)]
    return StackedMLP(1, 39, hidden, 8, generators=generators), TwinCritics(1, 43, hidden, True, generators)


def publish(name: str, experts: dict[Task, Networks | None], **overrides: object) -> Input:
    """An artifact of phase `experts`: for each task networks, or a scripted policy for None."""
    storage = Storage(StorageOptions())
    writer = ArtifactWriter(storage, f"memory://experts-as-one-batch/{name}")
    for task, expert in experts.items():
        document = {"kind": "scripted" if expert is None else "sac", "hiddenSizes": list(HIDDEN)}
        writer.add_json(f"{task.name}/policy.json", document | {"criticLayerNorm": True} | overrides)
        if expert is not None:
            writer.add_tensors(f"{task.name}/policy.safetensors", expert[0].state_dict())
            writer.add_tensors(f"{task.name}/critic.safetensors", expert[1].state_dict())
    commit = writer.commit({"phase": "experts"})
    reference = ArtifactReference(member=name, uri=commit.uri, tasks=tuple(experts))
    return reference, Artifact.open(storage, commit.uri, commit.manifest_sha256)


def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    obs = generator.normal(OBS_MEAN, OBS_SPREAD, (n, 39)).astype(np.float32)
    return obs, generator.uniform(-1, 1, (n, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "task_index",
    [[0, 0, 1, 1, 2, 2], [2, 0, 2, 2, 1, 0, 2], [1], [0, 2]],
    ids=["equal", "mixed", "one", "gap"],
)
def test_every_row_is_answered_by_its_own_expert(task_index: list[int]) -> None:
    alone = [networks(seed) for seed in range(3)]
    inputs = [
        publish("pair", dict(zip(TASKS[:2], alone, strict=False))),
        publish("last", {TASKS[2]: alone[2]}),
    ]
    experts, tasks = load_experts(inputs)
    obs, action = rows(len(task_index))
    mu, log_std, q = experts.label(np.array(task_index), obs, action)
    assert tasks == TASKS
    assert experts.has_critic
    for row, task in enumerate(task_index):
        scaled = scale_obs(torch.from_numpy(obs[None, [row]]))
        expected_mu, expected_log_std = gaussian_head(alone[task][0](scaled))
        expected_q = alone[task][1](scaled, torch.from_numpy(action[None, [row]])).min()
        torch.testing.assert_close(mu[row], expected_mu[0, 0])
        torch.testing.assert_close(log_std[row], expected_log_std[0, 0])
        torch.testing.assert_close(q[row], expected_q)
    torch.testing.assert_close(experts.gaussian(np.array(task_index), obs), (mu, log_std))


def test_a_tasks_policy_takes_its_experts_mean() -> None:
    experts, _ = load_experts([publish("three", {task: networks(s) for s, task in enumerate(TASKS)})])
    obs, _ = rows(5)
    mu, _ = experts.gaussian(np.full(5, 1), obs)
    policy = experts.policy_for(TASKS[1])
    policy.begin(5)
    np.testing.assert_allclose(policy.act(obs), torch.tanh(mu).numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(KeyError, match="window-open-v3-sawyer"):
        experts.policy_for(Task(env="window-open-v3"))


def test_scripted_policies_label_with_a_mean_and_no_critic() -> None:
    experts, tasks = load_experts([publish("scripted", dict.fromkeys(TASKS))])
    obs, action = rows(3)
    mu, log_std, q = experts.label(np.array([2, 0, 1]), obs, action)
    expected = np.stack([scripted_action(tasks[t], row) for t, row in zip((2, 0, 1), obs, strict=True)])
    np.testing.assert_allclose(torch.tanh(mu).numpy(), expected.clip(-0.99, 0.99), atol=1e-6)
    assert (log_std == -1).all()
    assert (q == 0).all()
    assert not experts.has_critic
    np.testing.assert_array_equal(experts.policy_for(TASKS[0]).act(obs[1:2]), expected[1:2])


def test_experts_of_different_kinds_are_refused() -> None:
    inputs = [publish("trained", {TASKS[0]: networks(0)}), publish("script", {TASKS[1]: None})]
    with pytest.raises(InputInvalid, match="differ in kind or size"):
        load_experts(inputs)


def test_networks_that_do_not_fit_their_description_are_refused() -> None:
    with pytest.raises(InputInvalid, match=r"do not fit their policy\.json"):
        load_experts([publish("wider", {TASKS[0]: networks(0, (64, 16))})])


def test_a_missing_file_is_refused_by_name() -> None:
    reference, artifact = publish("incomplete", {TASKS[0]: None}, kind="sac")
    with pytest.raises(InputInvalid, match=r"reach-v3-sawyer/policy\.safetensors"):
        load_experts([(reference, artifact)])
