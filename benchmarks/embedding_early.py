"""How early in an episode an embedding tells the task, and whether that needs an encoder that was trained.

    python benchmarks/embedding_early.py RUN [RUN …]

RUN is a finished run by name or root; several are seeds of one configuration. For held-out episodes of the
experts, cut off after n decisions, a kNN vote (5 neighbours) among training episodes cut off there too names
the task from

* the embedding of the run's encoder,
* that of the same encoder before its first gradient step,
* the observation at that decision alone, each of its 39 numbers divided by its spread,
* the window itself, its 20 decisions laid side by side: what an encoder is given.

The same is asked of the episodes that the collective played while it learned, with noise or without: there
what is done tells little of the task, and the embedding is what the collective has to go by.

Prints Markdown: accuracy, mean over the runs with a 95 % interval (Student's t), and what guessing gives.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from contenders import machine
from example_seeds import interval
from sklearn.neighbors import KNeighborsClassifier

from collectiverun_trainer.learned import open_run
from collectiverun_trainer.learned.run import Run
from collectiverun_trainer.replay.episodes import SOURCES, Episodes, concatenate
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.quality import NEIGHBOURS
from collectiverun_trainer.transformer.training import initial_networks
from collectiverun_trainer.transformer.windows import windows

DECISIONS = (1, 2, 5, 20, 50)

Accuracies = dict[str, dict[int, float]]


class View(NamedTuple):
    """What decisions are seen as: a function of episodes and rows (B,) to (B, features)."""

    of: Callable[[Episodes, torch.Tensor], npt.NDArray[np.float32]]
    has_units: bool = False


def main() -> None:
    """Measure every run and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+")
    measured = [accuracies(open_run(address)) for address in parser.parse_args().runs]
    print(machine())
    for title in measured[0]:
        of_runs = [of_run[title] for of_run in measured]
        print("", title, "", *table(of_runs), sep="\n")


def table(measured: Sequence[Accuracies]) -> list[str]:
    """A row for each number of decisions."""
    names = list(measured[0])
    cells = {n: [interval([of_run[name][n] for of_run in measured]) for name in names] for n in DECISIONS}
    head = [f"| decisions | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    return head + [f"| {n} | {' | '.join(row)} |" for n, row in cells.items()]


def accuracies(run: Run) -> dict[str, Accuracies]:
    """Accuracy by view and number of decisions, on experts' and on the collective's episodes."""
    episodes = concatenate([run.expert_episodes(task) for task in run.tasks])
    reference = episodes.training_part()
    views = views_of(run.encoder(), run.artifact("trajectoryTransformer").manifest["config"]["seed"])
    asked = {"Held-out episodes of the experts": episodes.validation_part()}
    if "onlineDistillation" in run.phases:
        asked["Episodes of the collective"] = collective_episodes(run)
    return {
        title: {
            name: {n: accuracy(view, reference, part, n) for n in DECISIONS} for name, view in views.items()
        }
        | {"guessing": {n: chance(part, n) for n in DECISIONS}}
        for title, part in asked.items()
    }


def collective_episodes(run: Run) -> Episodes:
    """Those that the collective played itself, without the random ones and the experts'."""
    played = run.online_episodes()
    return played.select(played.source == SOURCES.index("collective"))


def views_of(encoder: TrajectoryEncoder, seed: int) -> dict[str, View]:
    """The views by name."""
    length = encoder.params.window
    untrained, _ = initial_networks(encoder.params, encoder.normaliser, seed)

    def embedded(by: TrajectoryEncoder) -> View:
        return View(lambda episodes, rows: by.embed(windows(episodes, rows, length)).numpy())

    def laid_out(episodes: Episodes, rows: torch.Tensor) -> npt.NDArray[np.float32]:
        seen = windows(episodes, rows, length)
        return torch.cat([seen.state, seen.action, seen.reward], dim=-1).flatten(1).numpy()

    return {
        "trained encoder": embedded(encoder),
        "untrained encoder": embedded(untrained),
        "observation alone": View(lambda episodes, rows: episodes.obs[rows].numpy(), has_units=True),
        "window laid out": View(laid_out, has_units=True),
    }


def accuracy(view: View, reference: Episodes, held_out: Episodes, n: int) -> float:
    """Share of the held-out episodes whose task the nearest training episodes name after n decisions."""
    fitted, asked = (view.of(part, rows_at(part, n)) for part in (reference, held_out))
    # Embeddings are compared as they are; what has units is made comparable first.
    spread = np.maximum(fitted.std(axis=0), 1e-6) if view.has_units else 1.0
    classifier = KNeighborsClassifier(NEIGHBOURS, algorithm="brute")
    classifier.fit(fitted / spread, tasks_at(reference, n))
    return float((classifier.predict(asked / spread) == tasks_at(held_out, n)).mean())


def chance(held_out: Episodes, n: int) -> float:
    """Share of the most frequent task."""
    tasks = tasks_at(held_out, n)
    return float(np.bincount(tasks).max() / len(tasks))


def rows_at(episodes: Episodes, n: int) -> torch.Tensor:
    """The row of decision n of every episode that has one."""
    return (episodes.episode_start + n)[_is_longer(episodes, n)]


def tasks_at(episodes: Episodes, n: int) -> npt.NDArray[np.int64]:
    """The task of each of these rows."""
    return episodes.task[_is_longer(episodes, n)].numpy()


def _is_longer(episodes: Episodes, n: int) -> torch.Tensor:
    return episodes.lengths > n


if __name__ == "__main__":
    main()
