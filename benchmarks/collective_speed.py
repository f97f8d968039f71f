"""Speed of the gradient steps of encoder and collective network, beside an earlier commit.

    python benchmarks/collective_speed.py --baseline CHECKOUT [--json]

CHECKOUT is an earlier commit with an environment of its own in .venv. Sizes are the defaults (the
quickstart's) and those of examples/03-mt10.yaml; numbers are made up, since speed does not depend on them.
About three minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from contenders import Contender, machine, ratios, show, take_turns

PROGRAM = Path(__file__).with_name("measured_collective.py")
BLOCKS = 7
WORK = {"encoder": 4, "network": 20, "embedding": 4}
"""What is measured, with the steps of a block."""
SIZES = ("default", "mt10")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--baseline", type=Path, metavar="CHECKOUT", required=True)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pythons = {"now": sys.executable, "before": str(arguments.baseline / ".venv" / "bin" / "python")}
    found = {
        f"{work} {size} {when}": Contender(f"{work}, {size}, {when}", python, PROGRAM, (work, size), steps)
        for work, steps in WORK.items()
        for size in SIZES
        for when, python in pythons.items()
    }
    take_turns(found, BLOCKS)
    pairs = {
        f"{work} {size}": (f"{work} {size} now", f"{work} {size} before") for work in WORK for size in SIZES
    }
    compared = ratios(found, pairs)
    if arguments.json:
        rates = {name: contender.rates for name, contender in found.items()}
        print(json.dumps({"machine": machine(), "stepsPerCpuSecond": rates, "ratios": compared}, indent=2))
    else:
        show(found, compared, "steps")


if __name__ == "__main__":
    main()
