"""Progress from the logs of real Pods on a node."""

from __future__ import annotations

from kubernetes_cluster.unscheduled_runs import create_run, manifest_of, pod_of
from support.reported_pods import report
from testbed.waiting import eventually
from unit_operator.builders import running, trainer_of

from collectiverun_operator.api.outcome import Progress

TALKS = """
import json, sys, time
print("a library's word", flush=True)
for step in range(1, 4):
    print(json.dumps({"kind": "progress", "envSteps": step * 100}), flush=True)
    print(json.dumps({"kind": "metrics", "envSteps": step * 100, "values": {}}), flush=True)
print('{"kind": "progr', flush=True)
time.sleep(600)
"""


def talking_job(cluster, run):
    manifest = manifest_of(run)
    trainer_of(manifest).update(command=["python", "-c", TALKS], env=[])
    return cluster.create_job(manifest)


def newest(cluster, run):
    def look():
        cluster.refresh(run["metadata"]["namespace"], run["metadata"]["uid"])
        return cluster.progress(run["metadata"]["uid"])

    return eventually(look)


def test_the_newest_progress_of_a_running_pod_is_read_by_its_jobs_name(namespace, connect):
    cluster = connect(progress_seconds=0.1)
    run = create_run(namespace, podTemplate={})
    job = talking_job(cluster, run)

    def said_everything():
        progress = newest(cluster, run)[job["metadata"]["name"]]
        return progress if progress.env_steps == 300 else None

    assert isinstance(eventually(said_everything), Progress)


def test_a_log_is_read_once_in_an_interval(namespace, connect):
    run = create_run(namespace, podTemplate={})
    # A log that is read before anything is in it would not be read again for as long.
    impatient, patient = connect(progress_seconds=0.1), connect(progress_seconds=600)
    talking_job(impatient, run)
    newest(impatient, run)
    newest(patient, run)
    before = len(patient.requests)
    for _ in range(5):
        assert patient.progress(run["metadata"]["uid"])
    assert len(patient.requests) == before


def test_a_log_that_can_not_be_read_is_no_error_and_asked_for_again(namespace, connect):
    """The Pod is said to run on a node that is lost: the API server can't reach its log.

    That it is asked for less and less is shown where the clock is the test's, in `unit_operator`.
    """
    cluster = connect(progress_seconds=0.1)
    run = create_run(namespace)
    uid = run["metadata"]["uid"]
    pod = pod_of(namespace, cluster.create_job(manifest_of(run)))
    name = pod["metadata"]["name"]
    binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": "lost"}}
    namespace.create_object(f"pods/{name}/binding", {"apiVersion": "v1", "kind": "Binding"} | binding)
    report(namespace, pod, running())

    def runs():
        cluster.refresh(run["metadata"]["namespace"], run["metadata"]["uid"])
        return any(found["status"].get("phase") == "Running" for found in cluster.pods(uid))

    eventually(runs)
    cluster.requests.clear()

    def is_asked_twice():
        assert cluster.progress(uid) == {}
        return len(cluster.requests) >= 2

    eventually(is_asked_twice)
    assert all(verb == "get" and code >= 400 for verb, code in cluster.requests)
