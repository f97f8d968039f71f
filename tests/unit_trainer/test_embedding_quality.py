"""The quality of embeddings: perfect ones score perfectly, random ones score what chance says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from unit_trainer.recorded_episodes import TASKS, recorded

from collectiverun_trainer.config import Task, TrajectoryTransformerParams
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.normaliser import Normaliser
from collectiverun_trainer.transformer.quality import (
    Sample,
    embed_sample,
    map_2d,
    metrics,
    report,
)

TWO_ROBOTS = (*TASKS[:2], *(Task(env=task.env, robot="panda") for task in TASKS[:2]))


def sample(z: np.ndarray, tasks: int, episodes_per_task: int = 5, robots: int = 1) -> Sample:
    count = len(z)
    task = np.arange(count) % tasks
    return Sample(
        z=(z / np.linalg.norm(z, axis=1, keepdims=True)).astype(np.float32),
        task=task,
        robot=task * robots // tasks,
        episode=task * episodes_per_task + np.arange(count) // tasks % episodes_per_task,
        source=np.zeros(count, np.int64),
        completed=np.arange(count) // tasks,
    )


def perfect(tasks: int, seed: int, robots: int = 1) -> Sample:
    noise = np.random.default_rng(seed).normal(size=(60 * tasks, tasks))
    return sample(np.tile(np.eye(tasks), (60, 1)) + 0.01 * noise, tasks, robots=robots)


def meaningless(tasks: int, seed: int) -> Sample:
    return sample(np.random.default_rng(seed).normal(size=(200 * tasks, 8)), tasks)


def by_name(reference: Sample, held_out: Sample) -> dict[str, tuple[float, float]]:
    return {metric.name: (metric.value, metric.chance) for metric in metrics(reference, held_out)}


def test_perfect_embeddings_score_perfectly() -> None:
    found = by_name(perfect(4, 0), perfect(4, 1))
    accuracies = ("kNN task accuracy", "linear probe task accuracy", "retrieval@1", "retrieval@10")
    assert all(found[name][0] == 1.0 for name in accuracies)
    assert found["silhouette"][0] > 0.99
    assert found["distance within a task"][0] < 0.01
    assert found["distance between tasks"][0] == pytest.approx(1.0, abs=0.01)


def test_meaningless_embeddings_score_what_chance_says() -> None:
    found = by_name(meaningless(4, 0), meaningless(4, 1))
    assert found["kNN task accuracy"][1] == 0.25
    assert found["retrieval@10"][1] == pytest.approx(0.21, abs=0.005)  # own episodes do not count
    assert found["silhouette"] == (pytest.approx(0.0, abs=0.04), 0.0)
    for value, chance in found.values():
        assert value == pytest.approx(chance, abs=0.06)


def test_retrieval_does_not_count_windows_of_the_same_episode() -> None:
    # Every episode is a cluster of its own, and lies beside one of the other task.
    angle = np.array([[0.0, 0.1], [2.0, 2.1]])  # task, episode
    task, episode = np.repeat([0, 1, 0, 1], 10), np.repeat([0, 0, 1, 1], 10)
    side = angle[episode, task] + np.random.default_rng(0).normal(size=40) * 1e-3
    z = np.stack([np.cos(side), np.sin(side)], axis=1).astype(np.float32)
    zero = np.zeros(40, np.int64)
    these = Sample(z, task, zero, task * 2 + episode, zero, zero)
    found = by_name(these, these)
    assert found["kNN task accuracy"][0] == 1.0
    assert found["retrieval@10"][0] == 0.0


def test_one_task_has_no_metrics() -> None:
    one = sample(np.random.default_rng(0).normal(size=(40, 4)), 1)
    assert metrics(one, one) == []
    assert report(one, one, TASKS[:1])["figures"] == []


def test_the_report_has_every_robot_task_and_length_of_history() -> None:
    document = report(perfect(4, 0, robots=2), perfect(4, 1, robots=2), TWO_ROBOTS)
    names = [metric["name"] for metric in document["figures"]]
    assert names[-2:] == ["kNN robot accuracy", "linear probe robot accuracy"]
    assert set(document["byRobot"]) == {"sawyer", "panda"}
    assert [each["chance"] for each in document["byRobot"]["panda"][:2]] == [0.5, 0.5]
    assert document["byTask"] == {task.name: 1.0 for task in TWO_ROBOTS}
    assert document["confusion"] == (60 * np.eye(4, dtype=int)).tolist()
    assert document["windows"] == {"reference": 240, "heldOut": 240}
    history = document["byCompletedDecisions"]
    assert [(part["from"], part["to"]) for part in history] == [(0, 0), (1, 4), (5, 19), (20, 59)]
    assert sum(part["windows"] for part in history) == 240
    assert all(part["accuracy"] == 1.0 for part in history)


def test_a_sample_is_balanced_and_knows_where_it_is_from() -> None:
    episodes = recorded([40, 9, 9, 30, 20, 8], [0, 1, 1, 0, 2, 2])
    params = TrajectoryTransformerParams(window=5, model_size=8, heads=1, feedforward_size=8)
    torch.manual_seed(0)
    encoder = TrajectoryEncoder(params, Normaliser.fit(episodes))
    drawn = embed_sample(encoder, episodes, np.random.default_rng(0))
    assert np.bincount(drawn.task).tolist() == [200, 200, 200]
    assert (episodes.task.numpy()[drawn.episode] == drawn.task).all()
    assert (drawn.completed < episodes.lengths.numpy()[drawn.episode]).all()
    assert drawn.completed.min() == 0
    assert drawn.completed.max() == 39
    again = embed_sample(encoder, episodes, np.random.default_rng(0))
    assert all(np.array_equal(one, vars(again)[name]) for name, one in vars(drawn).items())


def test_the_map_is_the_same_each_time_and_keeps_clusters_apart() -> None:
    z = perfect(3, 0).z
    points = map_2d(z)
    assert points.shape == (180, 2)
    assert points.dtype == np.float32
    assert np.array_equal(points, map_2d(z))
    centres = [points[task::3].mean(axis=0) for task in range(3)]
    spread = max(points[task::3].std() for task in range(3))
    apart = min(np.linalg.norm(centres[a] - centres[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert apart > spread
