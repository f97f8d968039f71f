"""A cluster on this machine for a person: `python -m testbed …`.

up FOLDER        leave a cluster running and print how to reach it; --kueue: with Kueue and a queue to try
down FOLDER      stop it and remove its folder
demo FOLDER      the chart and the quickstart on it, until the run is over; on a cluster that is not up,
                 one is started for the demo and ends with it
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from testbed import ROOT, kueue_example
from testbed.cluster import standing_cluster
from testbed.cluster.example_run import QUICKSTART, example_run
from testbed.cluster.operator_process import CHART
from testbed.cluster.small_cluster import SmallCluster
from testbed.cluster.standing_cluster import StandingClusterError
from testbed.demo import Demo
from testbed.kubernetes.client_tools import CommandError
from testbed.processes.daemon import DaemonError
from testbed.programs import BuildError
from testbed.programs.binaries import kubectl, kueue_folder
from testbed.programs.helm import helm

_RUN_FILE = "quickstart.yaml"


def main() -> int:
    """The command; what it returns is the exit code."""
    options = _parse()
    try:
        return int(options.action(options) or 0)
    except (BuildError, DaemonError, CommandError, StandingClusterError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="testbed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="up | down | demo")
    for name, action in {"up": _up, "down": _down, "demo": _demo}.items():
        command = commands.add_parser(name)
        command.add_argument("folder", type=lambda text: Path(text).absolute())
        command.set_defaults(action=action)
        if action is _up:
            command.add_argument("--kueue", action="store_true", help="Kueue too, also if a cluster is up")
    command.add_argument("--run", type=Path, default=QUICKSTART, help="another run file")
    command.add_argument("--smoke", action="store_true", help="budgets of seconds, to see that all fits")
    return parser.parse_args()


def _up(options: argparse.Namespace) -> None:
    if options.kueue:
        kueue_folder()  # it may have to be built, and nothing is to wait for that
    cluster = standing_cluster.find(options.folder) or _started(options.folder)
    if options.kueue:
        _add_kueue(cluster)
    print(f"export KUBECONFIG={cluster.kubeconfig}")
    print(_next_steps(options.folder), file=sys.stderr)
    if standing_cluster.has_kueue(options.folder):
        print(kueue_example.next_steps(options.folder), file=sys.stderr)


def _started(folder: Path) -> SmallCluster:
    print("Starting a cluster: control plane, one node, an S3 server (about 15 s)", file=sys.stderr)
    cluster = standing_cluster.start(folder)
    cluster.add_storage_keys("default")
    (folder / _RUN_FILE).write_text(yaml.safe_dump(example_run(cluster), sort_keys=False))
    return cluster


def _add_kueue(cluster: SmallCluster) -> None:
    if not standing_cluster.has_kueue(cluster.folder):
        print("Starting Kueue beside it (about 15 s)", file=sys.stderr)
        standing_cluster.add_kueue(cluster)
    kueue_example.add_example(cluster)


def _next_steps(folder: Path) -> str:
    chart = CHART.relative_to(ROOT)
    tools = sorted({str(tool.parent) for tool in (kubectl(), helm())})
    return f"""
The cluster runs until `make cluster-stop`; its logs lie in {folder}.
Its containers are processes of this machine, and it has no GPU.
kubectl and helm are in {" and ".join(tools)}. Next:

  helm install collectiverun {chart} --namespace collectiverun-system --create-namespace \\
    --set defaultResources.limits=null
  kubectl apply -f {folder / _RUN_FILE}
  kubectl get collectiveruns -w
"""


def _down(options: argparse.Namespace) -> None:
    if not standing_cluster.remove(options.folder):
        print(f"No cluster was started in {options.folder}.", file=sys.stderr)


def _demo(options: argparse.Namespace) -> int:
    cluster = standing_cluster.find(options.folder)
    if cluster is not None:
        return _shown(cluster, options)
    standing_cluster.remove(options.folder)
    print("Starting a cluster for the demo: control plane, one node, an S3 server", file=sys.stderr)
    with SmallCluster(options.folder, with_crd=False) as cluster:
        return _shown(cluster, options)


def _shown(cluster: SmallCluster, options: argparse.Namespace) -> int:
    return 0 if Demo(cluster, options.run, options.smoke).show() else 1


if __name__ == "__main__":
    sys.exit(main())
