"""One kind of the collective's work, done as told: the process that `collective_speed.py` runs for each.

    python benchmarks/measured_collective.py encoder|network|embedding default|mt10

A line with a number of steps on standard input is answered with the CPU seconds that they took. A step is a
gradient step of the encoder, one of the collective network, or the embeddings of one decision of all rows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from measured_learners import NAMES

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import OnlineDistillationParams, Task, TrajectoryTransformerParams
from collectiverun_trainer.distillation.distiller import Distiller
from collectiverun_trainer.distillation.rows import row_width
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.transformer.training import EncoderTraining
from collectiverun_trainer.transformer.windows import windows

EXAMPLE = Path(__file__).parents[1] / "examples" / "03-mt10.yaml"
HORIZON, EPISODES, ENVIRONMENTS = 100, 20, 5
Work = Callable[[], object]


def episodes(tasks: int) -> Episodes:
    """Made-up episodes of so many tasks, every fifth held out."""
    count = tasks * EPISODES
    rows = count * HORIZON
    index = torch.arange(count)
    columns = {name: torch.randn(rows, size) for name, size in (("obs", 39), ("action", 4), ("reward", 1))}
    return Episodes(
        **columns,
        success=torch.zeros(rows, dtype=torch.uint8),
        mu=torch.zeros(rows, 4),
        log_std=torch.zeros(rows, 4),
        q=torch.zeros(rows, 1),
        episode_start=index * HORIZON,
        last_obs=torch.zeros(count, 39),
        task=index // EPISODES,
        source=torch.zeros(count, dtype=torch.int64),
        goal=torch.zeros(count, dtype=torch.int64),
        validation=(index % 5 == 0).to(torch.uint8),
        tasks=tuple(Task(env=f"{name}-v3") for name in NAMES[:tasks]),
    )


def encoder_training(size: str) -> EncoderTraining:
    """Of the defaults with three tasks, or the example's with ten."""
    params = TrajectoryTransformerParams.model_validate(_params(size, "trajectoryTransformer"))
    return EncoderTraining(episodes(_tasks(size)), params, 1, torch.device("cpu"))


def encoder(size: str) -> Work:
    """Gradient steps of the encoder."""
    return encoder_training(size).step


def embedding(size: str) -> Work:
    """Embeddings of all rows of online distillation, as at each of its decisions."""
    made, recorded = encoder_training(size).encoder, episodes(_tasks(size))
    rows = torch.randint(recorded.rows, (_tasks(size) * ENVIRONMENTS,))
    seen = windows(recorded, rows, made.params.window)
    return lambda: made.embed(seen)


def network(size: str) -> Work:
    """Gradient steps of actor and critics."""
    params = OnlineDistillationParams.model_validate(_params(size, "onlineDistillation"))
    made = CollectiveNetwork(16, params.hidden_sizes, torch.Generator().manual_seed(0))
    distiller, tasks = Distiller(made, params, critics=True), _tasks(size)
    distiller.q_scale = QScale(torch.zeros(tasks), torch.ones(tasks))
    batch = torch.randn(tasks, distiller.rows_per_task(tasks), row_width(16))
    return lambda: distiller.learn(batch)


def _tasks(size: str) -> int:
    return 10 if size == "mt10" else 3


def _params(size: str, phase: str) -> dict[str, object]:
    found: dict[str, object] = {}
    if size == "mt10":
        found = yaml.safe_load(EXAMPLE.read_text())["spec"]["phases"][phase]["params"]
    return found


def main() -> None:
    """Answer lines until there are none."""
    work = {"encoder": encoder, "network": network, "embedding": embedding}[sys.argv[1]](sys.argv[2])
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for _ in range(3):
        work()
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.process_time()
        for _ in range(int(line)):
            work()
        print(time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
