"""Online distillation: what is played, what is labelled, what is learnt, what is published."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from phases.small_run import SmallRun

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.policy_files.collectives import load_collective, load_encoder
from collectiverun_trainer.policy_files.learners import load_experts
from collectiverun_trainer.replay.episodes import SOURCES, Episodes
from collectiverun_trainer.replay.shards import read_episodes
from collectiverun_trainer.transformer.windows import windows

CPU = torch.device("cpu")
HORIZON = 10  # decisions of the small run's episodes
PARAMS = {
    "envStepsPerTask": 400,  # ten rounds
    "environmentsPerTask": 2,
    "randomShare": 0.2,
    "collectiveShare": 0.5,
    "gradientStepsPerDecision": 3,
    "evaluationEveryEnvSteps": 120,
}


@pytest.fixture(scope="module")
def run() -> SmallRun:
    run = SmallRun(params={"onlineDistillation": PARAMS})
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        run.do(phase)
    return run


@pytest.fixture(scope="module")
def artifact(run: SmallRun) -> Artifact:
    return opened(run)


def opened(run: SmallRun) -> Artifact:
    (reference,) = run.artifacts["onlineDistillation"]
    return Artifact.open(run.context("onlineDistillation").storage, reference.uri)


def metrics(artifact: Artifact) -> list[dict[str, Any]]:
    return [json.loads(line) for line in artifact.read("metrics.jsonl").splitlines()]


def first_row_of(episodes: Episodes, row: int) -> int:
    return int(episodes.episode_start[episodes.episode_of_row[row]])


def test_the_buffer_holds_every_episode_with_who_acted(artifact: Artifact) -> None:
    episodes = read_episodes(artifact, "online_buffer")
    assert len(episodes) == 2 * 10 * 2  # tasks, rounds, copies
    assert set(episodes.lengths.tolist()) == {HORIZON}
    for task in range(2):
        sources = [SOURCES[source] for source in episodes.source[episodes.task == task].tolist()]
        assert {name: sources.count(name) for name in set(sources)} == {
            "random": 4,
            "collective": 10,
            "expert": 6,
        }
        goals = episodes.goal[episodes.task == task]
        assert torch.bincount(goals).tolist() == [5, 5, 5, 5]


def test_some_episodes_of_every_task_and_source_are_held_out(artifact: Artifact) -> None:
    episodes = read_episodes(artifact, "online_buffer")
    strata = {(int(t), int(s)) for t, s in zip(episodes.task, episodes.source, strict=True)}
    for part in (episodes.training_part(), episodes.validation_part()):
        assert {(int(t), int(s)) for t, s in zip(part.task, part.source, strict=True)} == strata
    assert int(episodes.validation.sum()) == 2 * (1 + 2 + 1)


def test_z_is_that_of_the_true_history(run: SmallRun, artifact: Artifact) -> None:
    """Of the same episode, the completed decisions only: recomputed from the recorded rows."""
    episodes = read_episodes(artifact, "online_buffer")
    assert episodes.z is not None
    encoder = load_encoder(artifact, CPU)
    expected = encoder.embed(windows(episodes, torch.arange(episodes.rows), encoder.params.window))
    torch.testing.assert_close(episodes.z, expected, rtol=1e-4, atol=1e-5)
    starts = episodes.z[episodes.episode_start]
    torch.testing.assert_close(starts, starts[:1].expand_as(starts), rtol=1e-4, atol=1e-5)


def test_every_row_is_labelled_by_its_tasks_expert(run: SmallRun, artifact: Artifact) -> None:
    episodes = read_episodes(artifact, "online_buffer")
    experts, tasks = load_experts(run.context("onlineDistillation").inputs("experts"))
    assert tasks == episodes.tasks
    task = episodes.task[episodes.episode_of_row].numpy()
    mu, log_std, q = experts.label(task, episodes.obs.numpy(), episodes.action.numpy())
    for found, expected in ((episodes.mu, mu), (episodes.log_std, log_std), (episodes.q[:, 0], q)):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_experts_act_as_their_labels_say_with_the_noise_of_the_schedule(artifact: Artifact) -> None:
    episodes = read_episodes(artifact, "online_buffer")
    of_expert = (episodes.source == SOURCES.index("expert"))[episodes.episode_of_row]
    difference = (episodes.action - torch.tanh(episodes.mu)).abs().amax(1)
    exact = (difference < 1e-4) & of_expert
    assert int(exact.sum()) == int(of_expert.sum()) // 2  # one copy of two plays without noise


def test_gradient_steps_are_a_fixed_ratio_of_decisions(artifact: Artifact) -> None:
    rounds_learnt_in = 9  # there is nothing to learn from in the first
    assert artifact.manifest["extra"]["gradientSteps"] == rounds_learnt_in * HORIZON * 3
    assert artifact.manifest["envSteps"] == 2 * 400


def test_the_published_network_is_the_best_on_selection_goals(artifact: Artifact) -> None:
    """By success at the end, then at any step, then the later one, in the mean over tasks."""
    scores: dict[int, list[tuple[float, float]]] = {}
    for record in metrics(artifact):
        if record["task"]:
            values = record["values"]
            score = values["evaluation/success_at_end"], values["evaluation/success_any_step"]
            scores.setdefault(record["envSteps"], []).append(score)
    assert list(scores) == [120, 240, 360, 400]
    ranked = {step: (*np.mean(score, axis=0), step) for step, score in scores.items()}
    assert artifact.manifest["extra"]["bestEnvSteps"] == max(ranked, key=lambda step: ranked[step])


def test_the_critics_scale_is_that_of_the_training_rows(artifact: Artifact) -> None:
    collective = load_collective(artifact, CPU)
    assert collective.q_scale
    assert bool((collective.q_scale.std > 0).all())
    assert any("losses/critic" in record["values"] for record in metrics(artifact))


@pytest.mark.parametrize("actor_loss", ["kl", "mse"])
def test_scripted_experts_are_imitated_and_teach_no_critic(actor_loss: str) -> None:
    """Real learning: the loss falls to a fraction, and with it the distance to the script's actions."""
    params = PARAMS | {"actorLoss": actor_loss, "hiddenSizes": [64], "batchSize": 64}
    run = SmallRun(params={"experts": {"source": "scripted"}, "onlineDistillation": params})
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        run.do(phase)
    artifact = opened(run)
    losses = [r["values"]["losses/actor"] for r in metrics(artifact) if "losses/actor" in r["values"]]
    assert losses[-1] < 0.3 * losses[0]
    assert not any("losses/critic" in record["values"] for record in metrics(artifact))
    assert load_collective(artifact, CPU).q_scale is None
