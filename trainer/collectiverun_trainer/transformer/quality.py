"""How well task embeddings tell tasks apart, on held-out episodes. Nothing else turns z into a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier

from collectiverun_trainer.config import Task
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.windows import windows

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

NEIGHBOURS = 5
RETRIEVED = (1, 10)
MAX_SAMPLE = 3000
"""Windows of each sample; metrics need all their distances."""
WINDOWS_PER_TASK = 200
PERPLEXITY = 30.0
MAP_ITERATIONS = 500


@dataclass(frozen=True)
class Sample:
    """n embedded windows, the same number of every task, and where they are from."""

    z: Floats  # (n, Z)
    task: Integers  # (n,) index into the run's tasks
    robot: Integers  # (n,) index into `robots(tasks)`
    episode: Integers  # (n,)
    source: Integers  # (n,) index into replay.episodes.SOURCES
    completed: Integers  # (n,) completed decisions in the history

    def __len__(self) -> int:
        return len(self.task)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Sample:
        """The windows chosen by an (n,) mask."""
        return Sample(*(values[chosen] for values in vars(self).values()))


def robots(tasks: Sequence[Task]) -> tuple[str, ...]:
    """The robots of the tasks, each once, in their order."""
    return tuple(dict.fromkeys(task.robot for task in tasks))


def embed_sample(encoder: TrajectoryEncoder, episodes: Episodes, generator: np.random.Generator) -> Sample:
    """Embed windows of random decisions, the start of episodes included."""
    rows = _draw_rows(episodes, generator)
    episode = episodes.episode_of_row[rows]
    task = episodes.task[episode].numpy()
    names = robots(episodes.tasks)
    of_task = np.array([names.index(each.robot) for each in episodes.tasks])
    return Sample(
        z=encoder.embed(windows(episodes, rows, encoder.params.window)).cpu().numpy(),
        task=task,
        robot=of_task[task],
        episode=episode.numpy(),
        source=episodes.source[episode].numpy(),
        completed=(rows - episodes.episode_start[episode]).numpy(),
    )


def _draw_rows(episodes: Episodes, generator: np.random.Generator) -> torch.Tensor:
    per_task = min(WINDOWS_PER_TASK, MAX_SAMPLE // len(episodes.tasks))
    task_of_row = episodes.task[episodes.episode_of_row].numpy()
    chosen = [
        generator.choice(rows, size=per_task, replace=len(rows) < per_task)
        for rows in (np.flatnonzero(task_of_row == task) for task in range(len(episodes.tasks)))
    ]
    return torch.from_numpy(np.concatenate(chosen))


@dataclass(frozen=True)
class Metric:
    """One metric, and what embeddings without information would get."""

    name: str
    value: float
    chance: float


def metrics(reference: Sample, held_out: Sample) -> list[Metric]:
    """Metrics of held-out windows; classifiers are fitted to the reference. None if there is one task."""
    if len(np.unique(held_out.task)) < 2:
        return []
    return [
        *_accuracies("task", reference, held_out, lambda sample: sample.task),
        Metric("silhouette", float(silhouette_score(held_out.z, held_out.task, metric="cosine")), 0.0),
        *_neighbourhood(held_out),
    ]


def report(reference: Sample, held_out: Sample, tasks: Sequence[Task]) -> dict[str, Any]:
    """The JSON document of all metrics: overall, by robot, by task and by length of the history."""
    document: dict[str, Any] = {
        "figures": _documents(metrics(reference, held_out)),
        "windows": {"reference": len(reference), "heldOut": len(held_out)},
        "byRobot": {
            name: _documents(metrics(*(part.where(part.robot == k) for part in (reference, held_out))))
            for k, name in enumerate(robots(tasks))
        },
    }
    if len(robots(tasks)) > 1:
        by_robot = _accuracies("robot", reference, held_out, lambda sample: sample.robot)
        document["figures"] += _documents(by_robot)
    guess = _nearest(reference, held_out, reference.task)
    return document | {
        "confusion": _confusion(held_out.task, guess, len(tasks)).tolist(),
        "byTask": {
            task.name: float((guess == held_out.task)[held_out.task == k].mean())
            for k, task in enumerate(tasks)
        },
        "byCompletedDecisions": _by_history(held_out, guess),
    }


def map_2d(z: Floats) -> Floats:
    """t-SNE (van der Maaten and Hinton 2008) of (n, Z) into (n, 2); starts from the principal components, so
    the same z give the same map."""
    perplexity = min(PERPLEXITY, (len(z) - 1) / 3)
    projection = TSNE(perplexity=perplexity, max_iter=MAP_ITERATIONS, init="pca", random_state=0)
    return np.asarray(projection.fit_transform(z), np.float32)


def _accuracies(
    what: str, reference: Sample, held_out: Sample, label: Callable[[Sample], Integers]
) -> list[Metric]:
    """Share of windows whose label a kNN vote and a linear probe find."""
    truth = label(held_out)
    chance = float(np.bincount(truth).max() / len(truth))
    probe = LogisticRegression(max_iter=1000).fit(reference.z, label(reference))
    return [
        Metric(
            f"kNN {what} accuracy", _share(_nearest(reference, held_out, label(reference)), truth), chance
        ),
        Metric(f"linear probe {what} accuracy", _share(probe.predict(held_out.z), truth), chance),
    ]


def _nearest(reference: Sample, held_out: Sample, labels: Integers) -> Integers:
    classifier = KNeighborsClassifier(min(NEIGHBOURS, len(reference)), algorithm="brute")
    return np.asarray(classifier.fit(reference.z, labels).predict(held_out.z))


def _neighbourhood(sample: Sample) -> list[Metric]:
    """Retrieval and distances among windows of different episodes; cosine distance."""
    distance = 1.0 - sample.z @ sample.z.T
    same_task = sample.task[:, None] == sample.task[None, :]
    other_episode = sample.episode[:, None] != sample.episode[None, :]
    candidates = other_episode.sum(axis=1)
    chance = float(((same_task & other_episode).sum(axis=1) / candidates).mean())
    order = np.argsort(np.where(other_episode, distance, np.inf), axis=1, kind="stable")
    found = np.take_along_axis(same_task, order[:, : max(RETRIEVED)], axis=1)
    overall = float(distance[other_episode].mean())
    return [
        *(Metric(f"retrieval@{k}", float(found[:, :k].mean()), chance) for k in RETRIEVED),
        Metric("distance within a task", float(distance[same_task & other_episode].mean()), overall),
        Metric("distance between tasks", float(distance[~same_task].mean()), overall),
    ]


def _by_history(held_out: Sample, guess: Integers) -> list[dict[str, Any]]:
    """kNN task accuracy by the number of completed decisions: none, few, many."""
    right = guess == held_out.task
    bounds = [(0, 0), (1, 4), (5, 19), (20, int(max(20, held_out.completed.max())))]
    parts = [(low, high, (held_out.completed >= low) & (held_out.completed <= high)) for low, high in bounds]
    return [
        {"from": low, "to": high, "windows": int(part.sum()), "accuracy": float(right[part].mean())}
        for low, high, part in parts
        if part.any()
    ]


def _confusion(truth: Integers, guess: Integers, size: int) -> Integers:
    """Windows of task i that were taken for task j, (size, size)."""
    return np.bincount(truth * size + guess, minlength=size * size).reshape(size, size)


def _share(guess: npt.NDArray[Any], truth: Integers) -> float:
    return float((guess == truth).mean())


def _documents(measured: Sequence[Metric]) -> list[dict[str, Any]]:
    return [vars(metric) for metric in measured]
