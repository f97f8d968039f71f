"""The checker of the journal finds what it is there to find; phase times count every attempt once."""

from collectiverun_operator.cluster.local.journal import PhaseTime, phase_times, violations


def started(pod, member="m", phase="experts"):
    return {"event": "podStarted", "phase": phase, "member": member, "podUid": pod}


def ended(pod, member="m", phase="experts", code=0, uri=None, sha="d", **times):
    figures = {"startedTime": 0.0, "endedTime": 1.0, "cpuSeconds": 1.0} | times
    fields = {
        "phase": phase,
        "member": member,
        "podUid": pod,
        "exitCode": code,
        "uri": uri,
        "manifestSha256": sha,
    }
    return {"event": "podEnded", **fields, **figures}


def test_attempts_one_after_the_other_are_in_order():
    history = [
        started("a"),
        started("b", member="n"),
        ended("a", code=1),
        started("c"),
        ended("b", "n"),
        ended("c"),
    ]
    assert violations(history) == []


def test_a_member_in_two_live_attempts_is_found():
    assert violations([started("a"), started("b")]) == ["experts/m: Pod b started while Pod a was alive"]


def test_members_of_the_same_name_in_two_phases_are_two():
    assert violations([started("a"), started("b", phase="students")]) == []


def test_a_second_commit_is_found():
    history = [started("a"), ended("a", uri="u1"), started("b"), ended("b", uri="u2")]
    assert violations(history) == ["experts/m: committed ('u1', 'd') and ('u2', 'd')"]


def test_the_same_address_with_other_content_is_a_second_commit():
    history = [ended("a", uri="u1"), ended("b", uri="u1", sha="e")]
    assert violations(history) == ["experts/m: committed ('u1', 'd') and ('u1', 'e')"]


def test_a_commit_reported_again_is_no_second_one():
    assert violations([ended("a", uri="u1"), ended("b", uri="u1"), ended("c", code=143, uri="u2")]) == []


def test_wall_time_is_the_time_in_which_any_pod_ran_and_cpu_time_the_sum():
    history = [
        ended("a", startedTime=0.0, endedTime=10.0, cpuSeconds=9.0),
        ended("b", "n", startedTime=5.0, endedTime=12.0, cpuSeconds=6.0),
        ended("c", startedTime=20.0, endedTime=21.0, cpuSeconds=1.0),
        ended("d", phase="evaluation", startedTime=30.0, endedTime=33.0, cpuSeconds=2.0),
    ]
    assert phase_times(history) == {"experts": PhaseTime(13.0, 16.0), "evaluation": PhaseTime(3.0, 2.0)}


def test_a_pod_whose_end_was_written_twice_counts_once_and_one_that_never_started_not_at_all():
    history = [ended("a", cpuSeconds=4.0), ended("a", cpuSeconds=3.0), ended("b", startedTime=None)]
    assert phase_times(history) == {"experts": PhaseTime(1.0, 4.0)}
