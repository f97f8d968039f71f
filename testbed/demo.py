"""The chart and a run on a small cluster, as a person would do it by hand, with every command shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from collectiverun_operator.cli.report import report_uri
from collectiverun_operator.cli.smoke import with_smoke_budgets
from testbed.cluster.example_run import QUICKSTART, example_run
from testbed.cluster.operator_process import CHART
from testbed.cluster.small_cluster import SECRET, SmallCluster
from testbed.programs.binaries import kubectl

RELEASE = "collectiverun"
NAMESPACE = "collectiverun-system"
_FINAL_STATES = ("Complete", "Failed", "Rejected")


class Demo:
    """One run on one cluster; everything goes to stdout."""

    def __init__(self, cluster: SmallCluster) -> None:
        self._cluster = cluster

    def show(self, run_file: Path = QUICKSTART, smoke: bool = False) -> bool:
        """Install the chart, apply the run and watch it. Returns whether it is Complete in the end."""
        self._install_chart()
        namespace = self._cluster.namespace("demo")
        _say(f"# The namespace {namespace} has the keys of the S3 server in its Secret {SECRET}.")
        name = self._apply(run_file, namespace, smoke)
        self._watch(namespace, name)
        run = self._cluster.get("collectiverun", name, "--namespace", namespace)
        self._describe(namespace, name)
        self._kubectl("--namespace", namespace, "get", "collectiveruns", "--output", "wide")
        _print_outcome(run["status"])
        self._print_report(run["status"])
        return bool(run["status"]["state"] == "Complete")

    def _install_chart(self) -> None:
        _say("# The operator, by its chart. This node has no GPU, so phases ask for none by default.")
        self._helm(
            *("upgrade", "--install", RELEASE, str(CHART)),
            *("--namespace", NAMESPACE, "--create-namespace"),
            *("--set", "defaultResources.limits=null", "--set", "pacing.figuresSeconds=5"),
            *("--wait", "--timeout", "5m"),
        )
        self._kubectl("--namespace", NAMESPACE, "get", "pods")

    def _apply(self, run_file: Path, namespace: str, smoke: bool) -> str:
        body = example_run(self._cluster, run_file)
        body = with_smoke_budgets(body) if smoke else body
        _say("", f"# {run_file.name} with", yaml.safe_dump({"storage": body["spec"]["storage"]}).rstrip())
        arguments = ("--namespace", namespace, "apply", "--filename", "-")
        self._shown("kubectl", arguments, self._cluster.kubectl(*arguments, stdin=json.dumps(body)))
        return str(body["metadata"]["name"])

    def _watch(self, namespace: str, name: str) -> None:
        """`kubectl get -w` until the run is over; in between, what there is when a phase begins."""
        _say("", f"$ kubectl --namespace {namespace} get collectiveruns --watch")
        phases: list[str] = []
        for line in self._watched(namespace):
            print(line, flush=True)
            status = self._cluster.get("collectiverun", name, "--namespace", namespace).get("status", {})
            phase = status.get("currentPhase", "")
            if phase and phase not in phases:
                phases.append(phase)
                self._show_phase(namespace, name, is_third=len(phases) == 3)
            if status.get("state") in _FINAL_STATES:
                return

    def _watched(self, namespace: str) -> Iterator[str]:
        command = [str(kubectl()), "--namespace", namespace, "get", "collectiveruns", "--watch"]
        environment = self._cluster.environment
        while True:  # the server ends a watch after half an hour
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
                assert process.stdout is not None
                try:
                    yield from (line.rstrip("\n") for line in process.stdout)
                finally:
                    process.terminate()

    def _show_phase(self, namespace: str, name: str, is_third: bool) -> None:
        self._kubectl("--namespace", namespace, "get", "jobs,pods")
        if is_third:
            self._describe(namespace, name)

    def _describe(self, namespace: str, name: str) -> None:
        """Status and Events; the spec with all its defaults is long."""
        arguments = ("--namespace", namespace, "describe", "collectiverun", name)
        text = self._cluster.kubectl(*arguments)
        self._shown("kubectl", arguments, "…\n" + text[text.index("\nStatus:") + 1 :])

    def _print_report(self, status: Mapping[str, Any]) -> None:
        """The S3 server may end with the demo; report, videos and figures stay."""
        uri = report_uri(status)
        if uri is None:
            _say("", "Report: none")
            return
        copy = self._cluster.object_store.download(uri.rpartition("/")[0], self._cluster.folder / "report")
        _say("", f"Report: {copy / Path(uri).name}", f"        (a copy of {uri})")

    def _kubectl(self, *arguments: str) -> None:
        self._shown("kubectl", arguments, self._cluster.kubectl(*arguments))

    def _helm(self, *arguments: str) -> None:
        self._shown("helm", arguments, self._cluster.helm(*arguments))

    def _shown(self, tool: str, arguments: tuple[str, ...], output: str) -> None:
        _say("", f"$ {tool} {' '.join(arguments)}", output)


def _say(*lines: str) -> None:
    print("\n".join(lines), flush=True)


def _print_outcome(status: Mapping[str, Any]) -> None:
    _say(f"State: {status['state']}")
    if failure := status.get("lastFailure"):
        _say(f"Last failure: {failure.get('phase')}/{failure.get('member')}: {failure.get('message')}")
    success = status.get("success") or {}
    if any(success.values()):
        _say("", f"{'success':<14}{'any step':>10}{'at end':>10}")
    for network, rates in success.items():
        if rates:
            _say(f"{network:<14}{rates['anyStep']:>10.0%}{rates['atEnd']:>10.0%}")
