"""The chart and a run on a small cluster, as a person would do it by hand, with every command shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from collectiverun_operator.cli.smoke import with_smoke_budgets
from testbed import JSONObject
from testbed.cluster.example_run import QUICKSTART, example_run
from testbed.cluster.operator_process import CHART
from testbed.cluster.small_cluster import SECRET, SmallCluster
from testbed.programs.binaries import kubectl

RELEASE = "collectiverun"
NAMESPACE = "collectiverun-system"
_FINAL_STATES = ("Complete", "Failed", "Rejected")


class Demo:
    """One run on one cluster; everything goes to stdout."""

    def __init__(self, cluster: SmallCluster, run_file: Path = QUICKSTART, smoke: bool = False) -> None:
        self._cluster = cluster
        body = example_run(cluster, run_file)
        self._body = with_smoke_budgets(body) if smoke else body
        self._run_file = run_file
        self._name = str(self._body["metadata"]["name"])

    def show(self) -> bool:
        """Install the chart, apply the run and watch it. Returns whether it is Complete in the end."""
        self._install_chart()
        namespace = self._namespace = self._cluster.namespace("demo")
        _print(f"# The namespace {namespace} has the keys of the S3 server in its Secret {SECRET}.")
        storage = yaml.safe_dump({"storage": self._body["spec"]["storage"]}).rstrip()
        _print("", f"# {self._run_file.name} with", storage)
        self._kubectl("apply", "--filename", "-", stdin=json.dumps(self._body))
        self._watch()
        self._describe()
        self._kubectl("get", "collectiveruns", "--output", "wide")
        status = self._status()
        _print_outcome(status)
        self._print_report(status)
        return bool(status["state"] == "Complete")

    def _install_chart(self) -> None:
        _print("# The operator, by its chart. This node is small and has no GPU: phases ask for nothing.")
        upgrade = (
            *("upgrade", "--install", RELEASE, str(CHART)),
            *("--namespace", NAMESPACE, "--create-namespace"),
            *("--set", "defaultResources=null", "--set", "pacing.figuresSeconds=5"),
            *("--wait", "--timeout", "5m"),
        )
        _print_command("helm", upgrade, self._cluster.helm(*upgrade))
        look = ("--namespace", NAMESPACE, "get", "pods")
        _print_command("kubectl", look, self._cluster.kubectl(*look))

    def _watch(self) -> None:
        """`kubectl get -w` until the run is over; in between, what there is when a phase begins."""
        _print("", f"$ kubectl --namespace {self._namespace} get collectiveruns --watch")
        phases: list[str] = []
        for line in self._watched():
            print(line, flush=True)
            status = self._status()
            phase = status.get("currentPhase", "")
            if phase and phase not in phases:
                phases.append(phase)
                self._kubectl("get", "jobs,pods")
                if len(phases) == 3:
                    self._describe()
            if status.get("state") in _FINAL_STATES:
                return

    def _watched(self) -> Iterator[str]:
        command = [str(kubectl()), "--namespace", self._namespace, "get", "collectiveruns", "--watch"]
        environment = self._cluster.environment
        while True:  # the server ends a watch after half an hour
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
                assert process.stdout is not None
                try:
                    yield from (line.rstrip("\n") for line in process.stdout)
                finally:
                    process.terminate()

    def _status(self) -> JSONObject:
        run = self._cluster.get("collectiverun", self._name, "--namespace", self._namespace)
        return dict(run.get("status", {}))

    def _describe(self) -> None:
        """Status and Events; the spec with all its defaults is long."""
        arguments = ("--namespace", self._namespace, "describe", "collectiverun", self._name)
        text = self._cluster.kubectl(*arguments)
        _print_command("kubectl", arguments, "…\n" + text[text.index("\nStatus:") + 1 :])

    def _print_report(self, status: JSONObject) -> None:
        """The S3 server may end with the demo; report, videos and figures stay."""
        uri = status.get("report")
        if not uri:
            _print("", "Report: none")
            return
        copy = self._cluster.object_store.download(uri.rpartition("/")[0], self._cluster.folder / "report")
        _print("", f"Report: {copy / Path(uri).name}", f"        (a copy of {uri})")

    def _kubectl(self, *words: str, stdin: str | None = None) -> None:
        arguments = ("--namespace", self._namespace, *words)
        _print_command("kubectl", arguments, self._cluster.kubectl(*arguments, stdin=stdin))


def _print(*lines: str) -> None:
    print("\n".join(lines), flush=True)


def _print_command(tool: str, arguments: tuple[str, ...], output: str) -> None:
    _print("", f"$ {tool} {' '.join(arguments)}", output)


def _print_outcome(status: JSONObject) -> None:
    _print(f"State: {status['state']}")
    if failure := status.get("lastFailure"):
        _print(f"Last failure: {failure.get('phase')}/{failure.get('member')}: {failure.get('message')}")
    success = {network: rates for network, rates in (status.get("success") or {}).items() if rates}
    if success:
        _print("", f"{'success':<14}{'any step':>10}{'at end':>10}")
    for network, rates in success.items():
        _print(f"{network:<14}{rates['anyStep']:>10.0%}{rates['atEnd']:>10.0%}")
