"""Decisions per CPU second of phase `experts`, beside an earlier commit, stable-baselines3 and sbx.

    python benchmarks/experts_vs_peers.py --baseline CHECKOUT --peers PYTHON [--json]

CHECKOUT is an earlier commit with an environment of its own in .venv; PYTHON is that of an environment with
this project's trainer, stable-baselines3 and sbx-rl. Either may be left out. A decision is two env steps and
one gradient step, 2 x 256 units, batch 128, the same environment for all. About five minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from contenders import Contender, machine, ratios, show, take_turns

PROGRAM = Path(__file__).with_name("measured_learners.py")
BLOCKS, BLOCK_DECISIONS = 7, 100


def contenders(baseline: Path | None, peers: str | None) -> dict[str, Contender]:
    """By a key for the ratios."""
    found = {
        "tenExperts": learner("ours, ten experts", "ours", 10, sys.executable),
        "oneExpert": learner("ours, one expert", "ours", 1, sys.executable),
    }
    if baseline:
        python = str(baseline / ".venv" / "bin" / "python")
        found["tenBefore"] = learner("baseline, ten experts", "ours", 10, python)
        found["oneBefore"] = learner("baseline, one expert", "ours", 1, python)
    if peers:
        found["sb3"] = learner("stable-baselines3", "stable-baselines3", 1, peers)
        found["sbx"] = learner("sbx", "sbx", 1, peers)
    return found


def learner(title: str, name: str, experts: int, python: str) -> Contender:
    """One that plays with so many experts."""
    return Contender(title, python, PROGRAM, (name, str(experts)), BLOCK_DECISIONS, experts)


PAIRS = {
    "tenExpertsToBaseline": ("tenExperts", "tenBefore"),
    "oneExpertToBaseline": ("oneExpert", "oneBefore"),
    "oneExpertToStableBaselines3": ("oneExpert", "sb3"),
    "oneExpertToSbx": ("oneExpert", "sbx"),
    "tenExpertsToSbx": ("tenExperts", "sbx"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--baseline", type=Path, metavar="CHECKOUT")
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = contenders(arguments.baseline, arguments.peers)
    take_turns(found, BLOCKS)
    compared = ratios(found, PAIRS)
    if arguments.json:
        rates = {name: contender.rates for name, contender in found.items()}
        print(
            json.dumps({"machine": machine(), "decisionsPerCpuSecond": rates, "ratios": compared}, indent=2)
        )
    else:
        show(found, compared, "decisions")


if __name__ == "__main__":
    main()
