"""What a kubelet reports of a Pod, for tests that stand in for the nodes of a control plane that has none."""

from __future__ import annotations

from support.live_run import LiveRun
from support.namespace import JSONObject, Namespace
from unit_operator.builders import a_result, artifact_uri, ended, running


def report(namespace: Namespace, pod: JSONObject, status: JSONObject) -> None:
    """Report a status, with the fields that the API server insists on."""
    for container in status.get("containerStatuses", []):
        container |= {"image": "trainer", "imageID": "", "ready": False, "restartCount": 0}
    namespace.write_status("pods", pod["metadata"]["name"], status)


def start_pod(run: LiveRun, attempt: int = 1) -> JSONObject:
    """The Pod of an attempt, after its container has started."""
    pod = run.wait_for_pod(attempt, state="Pending")
    report(run.namespace, pod, running())
    return pod


def fail_pod(run: LiveRun, code: int, message: str) -> None:
    """The container of the first attempt ends with an exit code."""
    report(run.namespace, run.wait_for_pod(state="Pending"), ended(code, message))


def succeed_pod(run: LiveRun, pod: JSONObject) -> None:
    """A Pod's container ends with a phase result."""
    job = {"spec": {"template": {"spec": pod["spec"]}}}
    report(run.namespace, pod, ended(0, a_result(artifact_uri(job, pod["metadata"]["uid"]))))
