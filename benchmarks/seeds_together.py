"""Several seeds in one run (`spec.seeds`) against a run for each: the same bits? what does it save?

    python benchmarks/seeds_together.py --together ROOT --separate ROOT ROOT ROOT

Reads finished runs: one of several seeds, and one of each of these seeds alone, of the same file. Make them
in the same hour on one machine, for the ratios to mean something. Prints Markdown: CPU seconds of each
phase, as its processes have counted them and its manifests keep them, and the ratio; then how many files of
the artifacts are equal byte for byte. Reports, summaries and TensorBoard files are left out: costs and
addresses stand in them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import torch
from contenders import machine

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.commits import first_commits
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import PHASE_NAMES
from collectiverun_trainer.learned import Run, open_run
from collectiverun_trainer.learned.addresses import locate

OF_THE_COSTS = ("summary.json", "report.html", "tensorboard/")


def main() -> int:
    """Print both tables; 1 if a file differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--together", required=True, metavar="ROOT")
    parser.add_argument("--separate", required=True, nargs="+", metavar="ROOT")
    arguments = parser.parse_args()
    together, separate = open_run(arguments.together), [open_run(root) for root in arguments.separate]
    if sorted(run.seed for run in separate) != sorted(together.seeds):
        print(f"--separate has other seeds than --together, {together.seeds}", file=sys.stderr)
        return 2
    print(machine(), costs(together, separate), sep="\n\n", end="\n\n")
    compared, differing = 0, []
    for run in separate:
        for name, is_equal in files(together.of_seed(run.seed), run):
            compared += 1
            differing += [] if is_equal else [f"seed {run.seed}: {name}"]
    print(
        f"{compared} files of {len(separate)} seeds compared, {len(differing)} differ", *differing, sep="\n"
    )
    return int(bool(differing))


def costs(together: Run, separate: list[Run]) -> str:
    """CPU seconds by phase."""
    rows = ["| phase | together, CPU s | separate, CPU s | ratio |", "|---|---|---|---|"]
    ours, theirs = cpu_seconds(together), [cpu_seconds(run) for run in separate]
    total = {name: sum(own.get(name, 0.0) for own in theirs) for name in ours}
    sums = {"all": (sum(ours.values()), sum(total.values()))}
    for name, (one, other) in ({name: (ours[name], total[name]) for name in ours} | sums).items():
        ratio = f"{one / other:.2f}" if other else "–"
        rows.append(f"| {name} | {one:.0f} | {other:.0f} | {ratio} |")
    return "\n".join(rows)


def cpu_seconds(run: Run) -> dict[str, float]:
    """What the phases of a whole run took, by phase."""
    address = locate(run.root)
    storage = Storage(address.options)
    found = {
        phase: [Artifact.open(storage, uri) for uri in first_commits(storage, join(run.root, phase))]
        for phase in PHASE_NAMES
    }
    return {
        phase: sum(one.manifest["cpuSeconds"] for one in artifacts)
        for phase, artifacts in found.items()
        if artifacts
    }


def files(ours: Run, theirs: Run) -> Iterator[tuple[str, bool]]:
    """Each file of every artifact of a seed, and whether both runs have the same bytes in it."""
    for phase in theirs.phases:
        for one, other in zip(ours.artifacts(phase), theirs.artifacts(phase), strict=True):
            for name in sorted({*one.names, *other.names}):
                if not name.startswith(OF_THE_COSTS):
                    has_both = name in one.names and name in other.names
                    yield f"{phase}/{name}", has_both and one.sha256(name) == other.sha256(name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
