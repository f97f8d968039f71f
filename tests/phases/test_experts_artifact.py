"""What the experts phase publishes: policies, critics, labelled episodes, evaluations, metrics."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from phases.small_run import SmallRun

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.scripted import scripted_action
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.policy_files.learners import load_experts
from collectiverun_trainer.replay.episodes import SOURCES, Episodes
from collectiverun_trainer.replay.shards import read_episodes
from collectiverun_trainer.rollouts.evaluation import evaluate
from collectiverun_trainer.rollouts.outcomes import Outcomes

TRAINING, POLICY = SOURCES.index("training"), SOURCES.index("policy")


def published(source: str, **params: object) -> tuple[SmallRun, PhaseResult, Artifact]:
    """A small run with its experts phase done."""
    run = SmallRun(params={"experts": {"source": source, **params}})
    result = run.do("experts")
    assert result.uri
    return run, result, Artifact.open(run.context("experts").storage, result.uri, result.manifest_sha256)


def buffer_distill(artifact: Artifact, task: Task) -> Episodes:
    return read_episodes(artifact, f"{task.name}/buffer_distill")


@pytest.mark.parametrize("source", ["sac", "scripted"])
def test_every_row_of_buffer_distill_is_labelled_by_the_published_expert(source: str) -> None:
    run, _, artifact = published(source)
    experts, tasks = load_experts([(run.artifacts["experts"][0], artifact)])
    assert tasks == run.tasks
    for index, task in enumerate(tasks):
        episodes = buffer_distill(artifact, task)
        rows = np.full(episodes.rows, index)
        labels = experts.label(rows, episodes.obs.numpy(), episodes.action.numpy())
        for stored, expected in zip((episodes.mu, episodes.log_std, episodes.q[:, 0]), labels, strict=True):
            torch.testing.assert_close(stored, expected)
        assert episodes.mu.abs().max() > 0.0


@pytest.mark.parametrize("source", ["sac", "scripted"])
def test_both_sources_of_episodes_are_in_both_parts_of_the_split(source: str) -> None:
    run, _, artifact = published(source, distillEpisodes=5, policyEpisodes=3)
    for task in run.tasks:
        episodes = buffer_distill(artifact, task)
        assert episodes.lengths.tolist() == [10] * 8
        counts = torch.bincount(episodes.source * 2 + episodes.validation, minlength=4).tolist()
        assert counts == [4, 1, 2, 1]
        assert torch.equal(episodes.goal[episodes.source == POLICY], torch.tensor([0, 1, 2]))


def test_policy_episodes_are_played_by_the_published_policy_without_noise() -> None:
    run, _, artifact = published("sac")
    episodes = buffer_distill(artifact, run.tasks[0])
    by_policy = episodes.select(episodes.source == POLICY)
    torch.testing.assert_close(by_policy.action, torch.tanh(by_policy.mu), rtol=1e-4, atol=1e-5)
    training = episodes.select(episodes.source == TRAINING)
    assert not torch.allclose(training.action, torch.tanh(training.mu), atol=0.05)


def test_recorded_episodes_are_true_to_the_environment() -> None:
    """Each obs repeats the frame one env step before in its tail, across all decisions and at the end."""
    run, _, artifact = published("sac")
    episodes = buffer_distill(artifact, run.tasks[0])
    following = episodes.next_obs()
    assert torch.equal(
        following[:, 36:39], episodes.obs[:, 36:39]
    )  # the goal never changes within an episode
    moved = (following[:, 18:21] - following[:, :3]).norm(dim=-1)
    assert moved.max() < 0.05  # metres of the hand in one env step; a next episode's obs would be far away


def test_reported_success_is_that_of_the_published_policy_on_the_reported_goals() -> None:
    run, result, artifact = published("scripted")
    run = replace(run)
    settings = run.order("experts").environment
    experts, tasks = load_experts([(run.artifacts["experts"][0], artifact)])
    outcomes = evaluate({t: experts.policy_for(t) for t in tasks}, tasks, settings, settings.goal_seed, 4)
    for task in tasks:
        stored = Outcomes.from_document(artifact.read_json(f"{task.name}/evaluation.json"))
        assert stored.to_document() == outcomes[task].to_document()
    assert result.success is not None
    assert result.success.any_step == np.mean([outcomes[task].success.any_step for task in tasks])


def test_the_published_policy_is_that_of_the_best_evaluation() -> None:
    run, result, artifact = published("sac")
    lines = [json.loads(line) for line in artifact.read("metrics.jsonl").splitlines()]
    assert result.env_steps == 240
    for task in run.tasks:
        mine = [line for line in lines if line["task"] == task.name]
        found = [
            (v["evaluation/success_at_end"], v["evaluation/success_any_step"], line["envSteps"])
            for line in mine
            if "evaluation/return" in (v := line["values"])
        ]
        assert [steps for *_, steps in found] == [40, 80, 120]
        document = artifact.read_json(f"{task.name}/policy.json")
        assert document["bestEnvSteps"] == max(found)[2]
        assert document["trainedEnvSteps"] == 120
        losses = [line["values"] for line in mine if "losses/critic" in line["values"]]
        assert len(losses) == 4  # two of six episodes are random
        assert all({"losses/actor", "temperature", "episode/return"} <= values.keys() for values in losses)


def test_scripted_experts_stand_in_without_networks() -> None:
    run, result, artifact = published("scripted")
    task = run.tasks[0]
    assert artifact.read_json(f"{task.name}/policy.json")["kind"] == "scripted"
    assert not any(name.endswith(("policy.safetensors", "critic.safetensors")) for name in artifact.names)
    episodes = buffer_distill(artifact, task)
    assert (episodes.log_std == -1.0).all()
    assert (episodes.q == 0.0).all()
    wanted = torch.from_numpy(np.stack([scripted_action(task, obs) for obs in episodes.obs.numpy()]))
    torch.testing.assert_close(torch.tanh(episodes.mu), wanted.clamp(-0.99, 0.99), rtol=1e-4, atol=1e-5)
    assert result.env_steps == 2 * 3 * 20
