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
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
import yaml

from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams, Task
from collectiverun_trainer.experts.training import at_its_best, expert_learning
from collectiverun_trainer.learning.off_policy import OffPolicyLearning
from collectiverun_trainer.process.device import configure_arithmetic
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.outcomes import Outcomes

MT10 = Path(__file__).parents[1] / "examples" / "03-mt10.yaml"
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
    print(f"{platform.machine()}, torch {version('torch')}, {arguments.env_steps} env steps a task\n")
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
    learning = _trained(expert_learning(tasks, settings, params, seed, torch.device("cpu")), variant)
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


def _trained(learning: OffPolicyLearning, variant: str) -> OffPolicyLearning:
    learning.demonstrate()
    if learning.params.imitation_gradient_steps:
        _tell(learning, variant)
    while learning.active:
        learning.run_episode()
        if learning.evaluation_due:
            _tell(learning, variant)
            learning.stop_finished()
    return learning


def _tell(learning: OffPolicyLearning, variant: str) -> None:
    outcomes = learning.evaluate()["expert"]
    reached = ", ".join(f"{task.env} {_rates(outcome)}" for task, outcome in outcomes.items())
    print(f"{variant} {learning.env_steps} env steps: {reached}", file=sys.stderr, flush=True)


def _rates(outcome: Outcomes) -> str:
    return f"{100 * outcome.success.any_step:.0f}/{100 * outcome.success.at_end:.0f}"


if __name__ == "__main__":
    main()
