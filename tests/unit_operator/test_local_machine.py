"""How many cores a process may use: affinity and control groups."""

import os

import pytest

from collectiverun_operator.cluster.local.machine import Machine, Request, group_cores, usable_cores


def group(tmp_path, line, **files):
    """A control-group tree with one membership line and files by path."""
    for path, content in files.items():
        file = tmp_path / "mount" / path.replace("__", "/").replace("cpu_max", "cpu.max")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    membership = tmp_path / "cgroup"
    membership.write_text(line + "\n")
    return group_cores(tmp_path / "mount", membership)


def test_there_is_at_least_one_core_and_never_more_than_the_affinity():
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


def test_no_control_group_sets_no_limit(tmp_path):
    assert group_cores(tmp_path, tmp_path / "missing") == float("inf")
    assert group(tmp_path, "0::/a/b") == float("inf")


def test_the_tightest_group_above_counts(tmp_path):
    files = {"a__b__cpu_max": "max 100000", "a__cpu_max": "150000 100000", "cpu_max": "400000 100000"}
    assert group(tmp_path, "0::/a/b", **files) == 1.5


def test_the_first_version_of_control_groups_counts_too(tmp_path):
    folder = tmp_path / "mount/cpu/a"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text("50000\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert group(tmp_path, "3:cpu,cpuacct:/a") == 0.5
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert group(tmp_path, "3:cpu,cpuacct:/a") == float("inf")


@pytest.mark.parametrize(
    ("resources", "request_"),
    [
        ({}, Request(1.0, 0, None)),
        ({"requests": {"cpu": "250m"}, "limits": {"cpu": 4, "memory": "1Gi"}}, Request(0.25, 0, 2**30)),
        ({"limits": {"cpu": 4}}, Request(4.0, 0, None)),
        ({"requests": {"memory": "1Gi"}, "limits": {"nvidia.com/gpu": "2"}}, Request(1.0, 2, None)),
    ],
)
def test_a_limit_stands_in_for_a_missing_request(resources, request_):
    assert Request.of({"resources": resources}) == request_


def test_cores_are_given_back():
    machine = Machine(cores=1)
    machine.take("a", Request())
    assert machine.shortage(Request(0.5)) == "1 of 1 cores are in use"
    machine.release("a")
    machine.release("a")
    assert machine.shortage(Request(0.5)) == ""
