"""A cluster on this machine for a person: `python -m testbed up | down | demo FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
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
Folder = Annotated[Path, typer.Argument(resolve_path=True)]
app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def up(
    folder: Folder, kueue: Annotated[bool, typer.Option(help="Kueue too, also if a cluster is up")] = False
) -> None:
    """Leave a cluster running and print how to reach it; --kueue: with Kueue and a queue to try."""
    if kueue:
        kueue_folder()  # it may have to be built, and nothing is to wait for that
    cluster = standing_cluster.find(folder) or _start(folder)
    if kueue:
        _add_kueue(cluster)
    print(f"export KUBECONFIG={cluster.kubeconfig}")
    print(_next_steps(folder), file=sys.stderr)
    if standing_cluster.has_kueue(folder):
        print(kueue_example.next_steps(folder), file=sys.stderr)


@app.command()
def down(folder: Folder) -> None:
    """Stop it and remove its folder."""
    if not standing_cluster.remove(folder):
        print(f"No cluster was started in {folder}.", file=sys.stderr)


@app.command()
def demo(
    folder: Folder,
    run: Annotated[Path, typer.Option(help="another run file")] = QUICKSTART,
    smoke: Annotated[bool, typer.Option(help="budgets of seconds, to see that all fits")] = False,
) -> None:
    """The chart and the quickstart on it, until the run is over.

    On a cluster that is not up, one is started for the demo and ends with it.
    """
    cluster = standing_cluster.find(folder)
    if cluster is not None:
        sys.exit(not Demo(cluster, run, smoke).show())
    standing_cluster.remove(folder)
    print("Starting a cluster for the demo: control plane, one node, an S3 server", file=sys.stderr)
    print(
        "It ends with the demo; one that `make cluster` has started stays, to be looked at.", file=sys.stderr
    )
    with SmallCluster(folder, with_crd=False) as cluster:
        sys.exit(not Demo(cluster, run, smoke).show())


def _start(folder: Path) -> SmallCluster:
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
The cluster runs until `make cluster-stop`; its logs are in {folder}.
Its containers are processes of this machine, which is small and has no GPU.
kubectl and helm are in {" and ".join(tools)}. Next:

  helm install collectiverun {chart} --namespace collectiverun-system --create-namespace \\
    --set defaultResources=null
  kubectl apply -f {folder / _RUN_FILE}
  kubectl get collectiveruns -w
"""


if __name__ == "__main__":
    try:
        app()
    except (BuildError, DaemonError, CommandError, StandingClusterError) as error:
        sys.exit(str(error))
