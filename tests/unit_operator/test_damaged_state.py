"""A state directory that a full disk, a power cut or a hand damaged: told in a sentence, or done without."""

import json
import resource

import pytest
from support.run_bodies import REMOVED, with_field
from unit_operator.local_jobs import RUN_UID, SLEEP, advance_until, create, manifest, phases

from collectiverun_operator.api import labels
from collectiverun_operator.cluster.local.cluster import LocalCluster
from collectiverun_operator.cluster.local.journal import Journal, phase_times, read_journal, violations
from collectiverun_operator.cluster.local.machine import Machine
from collectiverun_operator.cluster.local.state_dir import AlreadyDrivenError, DamagedStateError

CUT_OFF, EMPTY, ZEROS, ANOTHER = b'{"job": {"meta', b"", bytes(40), b"[1, 2]"


def opened(folder):
    return LocalCluster.open(folder, Machine(cores=1), RUN_UID)


@pytest.mark.parametrize("content", [CUT_OFF, EMPTY, ZEROS, ANOTHER])
@pytest.mark.parametrize("name", ["run.json", "jobs/one.json"])
def test_a_damaged_document_is_named_with_a_way_out(tmp_path, name, content):
    opened(tmp_path).close()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedStateError) as caught, opened(tmp_path) as cluster:
        cluster.read_run()
    assert str(caught.value).startswith(f"{tmp_path / name} is damaged (")
    assert "remove the state directory it lies in and run the same command again" in str(caught.value)


RUN = {"metadata": {"name": "demo", "uid": RUN_UID}, "spec": {}, "status": {}}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "metadata: Field required"),
        (RUN | {"metadata": "demo"}, "metadata: Input should be"),
        (RUN | {"spec": []}, "spec: Input should be"),
        (RUN | {"status": ["Running"]}, "status: Input should be"),
        (RUN | {"metadata": {"name": "other", "uid": "x"}}, "it is of run other, uid x"),
    ],
)
def test_a_whole_document_of_another_run_or_of_another_shape_is_named_with_a_way_out(tmp_path, document, why):
    (tmp_path / "run.json").write_text(json.dumps(document))
    with opened(tmp_path) as cluster, pytest.raises(DamagedStateError) as caught:
        cluster.read_run()
    assert_told(caught.value, tmp_path / "run.json", why)


def an_attempt(folder):
    """The document of a Job whose process runs."""
    with opened(folder) as cluster:
        body = manifest(SLEEP)
        body["metadata"]["labels"] = {labels.RUN_UID: RUN_UID}
        create(cluster, body)
        advance_until(cluster, lambda: phases(cluster) == ["Running"])
    (path,) = (folder / "jobs").iterdir()
    return path


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("job", REMOVED, "job: Field required"),
        ("pod.spec", "one", "pod.spec: Input should be"),
        ("pod.spec.containers", [], "the container of its Pod can't be read: IndexError"),
        ("pod.spec.containers.0.env.0.value", "{", "the container of its Pod can't be read: JSONDecodeError"),
        ("pod.spec.containers.0.env.0.value", "{}", "phase: Field required"),
        ("process.startTicks", "soon", "process.startTicks: Input should be"),
        ("job.metadata.name", "other", "it is of Job other"),
        ("job.metadata.labels", {labels.RUN_UID: "x"}, "its Job is of another run, uid 'x'"),
    ],
)
def test_so_is_one_of_a_job(tmp_path, field, value, why):
    path = an_attempt(tmp_path)
    path.write_text(json.dumps(with_field(json.loads(path.read_text()), field, value)))
    with pytest.raises(DamagedStateError) as caught:
        opened(tmp_path)
    assert_told(caught.value, path, why)


def assert_told(error, path, why):
    assert str(error).startswith(f"{path} is not what was written there ({why}")
    assert "remove the state directory it lies in and run the same command again" in str(error)


@pytest.mark.parametrize("content", [CUT_OFF, EMPTY, ZEROS, ANOTHER, b'{"heartbeatTime": "noon"}'])
def test_who_drove_last_is_not_needed(tmp_path, content):
    opened(tmp_path).close()
    (tmp_path / "driver.json").write_bytes(content)
    with opened(tmp_path) as cluster:
        assert cluster.lost_since_time is None
        (tmp_path / "driver.json").write_bytes(content)
        with pytest.raises(AlreadyDrivenError, match="driven by another process"):
            opened(tmp_path)


@pytest.mark.parametrize("line", [b"garbage", b"\xff\x00", b"[]", b'{"event"', b'{"event": "podEnded"}'])
def test_a_damaged_line_of_the_journal_hides_no_other_and_proves_nothing(tmp_path, line):
    path = tmp_path / "history.jsonl"
    pod = {"phase": "experts", "member": "m", "podUid": "a"}
    Journal(path).append("podStarted", **pod)
    with path.open("ab") as file:
        file.write(line + b"\n")
    Journal(path).append("podEnded", **pod, exitCode=1, startedTime=1.0, endedTime=3.0, cpuSeconds=1.0)
    events = read_journal(path)
    assert [event["event"] for event in events] == ["podStarted", "damaged", "podEnded"]
    assert phase_times(events)["experts"].wall_seconds == 2.0
    assert violations(events) == ["line 2 of the journal is damaged, and what it said is not known"]


def test_a_full_disk_leaves_no_part_of_a_line_in_the_journal(tmp_path):
    path = tmp_path / "history.jsonl"
    journal = Journal(path)
    journal.append("first")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A file may grow by ten bytes more, as on a disk with little room: the system writes so much of the line.
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, limits[1]))
    try:
        with pytest.raises(OSError):
            journal.append("second")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    journal.append("third")
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["first", "third"]
