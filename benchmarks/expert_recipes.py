"""Which parts of the experts' recipe matter: one change at a time, on the tasks that are slow to learn.

    python benchmarks/expert_recipes.py --seeds 1 --env-steps 50000 recipe '{"nStep": 3}' '{"discount": 0.98}'

Trains the experts of some tasks in this process, as the phase does, once for `recipe` (the parameters of an
example) and once for every JSON document of parameters that are laid over it. Prints, for
each, success on the 50 reported goals (any step / at end, per cent) of the published networks, at which of
their env steps those were, and CPU seconds. A line of progress goes to standard error at every evaluation.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
import yaml
from contenders import machine

from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams, Task
from collectiverun_trainer.experts.training import at_its_best, expert_learning
from collectiverun_trainer.learning.seeded_task import seeded
from collectiverun_trainer.learning.training import train
from collectiverun_trainer.process.device import configure_arithmetic
from collectiverun_trainer.process.reporter import Reporter
from collectiverun_trainer.rollouts import outcomes as names
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.outcomes import Outcomes

MT10 = Path(__file__).parents[1] / "examples" / "03-mt10.yaml"
ANY_STEP, AT_END = (f"{names.SELECTION}/{name}" for name in (names.ANY_STEP, names.AT_END))
SLOW = ("push-v3", "pick-place-v3", "door-open-v3", "peg-insert-side-v3")


def main() -> None:
    """Train every variant with every seed and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("variants", nargs="+", help="`recipe`, or a JSON object of changed parameters")
    parser.add_argument("--tasks", nargs="+", default=list(SLOW))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--env-steps", type=int, default=50_000, help="budget of each task")
    parser.add_argument("--example", type=Path, default=MT10, help="whose recipe and environment")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    configure_arithmetic(arguments.threads)
    print(f"{machine()}\n\n{arguments.env_steps} env steps a task\n")
    print(f"| variant | seed | {' | '.join(arguments.tasks)} | mean | CPU s |")
    print("|---|---|" + "---|" * (len(arguments.tasks) + 2), flush=True)
    tasks = [Task(env=env) for env in arguments.tasks]
    for variant in arguments.variants:
        for seed in arguments.seeds:
            print(_row(arguments.example, variant, seed, tasks, arguments.env_steps), flush=True)


def _row(example: Path, variant: str, seed: int, tasks: list[Task], env_steps: int) -> str:
    spec = yaml.safe_load(example.read_text())["spec"]
    changed: dict[str, Any] = {} if variant == "recipe" else json.loads(variant)
    values = spec["phases"]["experts"]["params"] | {"totalEnvSteps": env_steps} | changed
    params = ExpertsParams.model_validate(values)
    settings = EnvironmentSettings.model_validate(spec.get("environment", {}))
    start = time.process_time()
    learning = expert_learning(seeded(tasks, [seed]), settings, params, torch.device("cpu"))
    learning.demonstrate()
    train(learning, _Told(variant), checkpoint=lambda *_: None)
    seconds = time.process_time() - start
    published = [at_its_best(expert, params, learning.device) for expert in learning.learners]
    policies = {task: expert.policy_for(task) for task, expert in zip(tasks, published, strict=True)}
    outcomes = evaluate_reported(policies, tasks, settings)
    cells = [
        f"{_rates(outcomes[expert.task])} @{expert.selection.best_step // 1000}k/{expert.env_steps // 1000}k"
        for expert in learning.learners
    ]
    any_step = fmean(outcome.success.any_step for outcome in outcomes.values())
    at_end = fmean(outcome.success.at_end for outcome in outcomes.values())
    mean = f"{100 * any_step:.0f} / {100 * at_end:.0f}"
    return f"| `{variant}` | {seed} | {' | '.join(cells)} | {mean} | {seconds:.0f} |"


class _Told(Reporter):
    """Tells a person of evaluations, and nobody of all else."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self._variant = variant

    def metrics(
        self, env_steps: int, gradient_steps: int, values: Mapping[str, Any], task: Task | None = None
    ) -> None:
        """A line for an evaluation of one task."""
        if rates := [values[name] for name in (ANY_STEP, AT_END) if name in values]:
            reached = "/".join(f"{100 * rate:.0f}" for rate in rates)
            told = f"{self._variant} {env_steps} env steps: {task.env if task else 'all'} {reached}"
            print(told, file=sys.stderr, flush=True)

    def progress(self, *_: object, **__: object) -> None:
        """Nothing."""


def _rates(outcome: Outcomes) -> str:
    return f"{100 * outcome.success.any_step:.0f}/{100 * outcome.success.at_end:.0f}"


if __name__ == "__main__":
    main()
