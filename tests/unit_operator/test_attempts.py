"""How attempts begin, go on and end: recorded first, created once, never two at a time."""

import pytest
from support.run_bodies import tasks
from unit_operator.builders import disrupted, ended, order_of
from unit_operator.story import Story, created, deleted

from collectiverun_operator.api.run import Platform, parse_run
from collectiverun_operator.plan.scheduling import expected_jobs


def three(**spec):
    return Story(tasks=tasks("reach", "push", "door-open"), **spec)


def test_an_attempt_is_recorded_before_its_job_exists():
    planned = Story().plan()
    member = planned.status.phases[0].members[0]
    assert (member.state, member.attempt, member.job_uid) == ("Pending", 1, "")
    assert len(created(planned)) == 1


def test_after_a_crash_before_the_job_was_made_it_gets_the_same_name():
    story = Story()
    first = story.plan()
    story.body["status"] = story.planned_status()
    assert created(story.plan()) == created(first)


def test_a_job_that_is_seen_is_not_created_again():
    story = Story().settle()
    assert story.member()["jobUid"] == "job00001"
    assert story.plan().actions == ()


def test_the_pod_is_recorded_too():
    story = Story().settle().start()
    assert (story.member()["state"], story.member()["podUid"]) == ("Running", "pod00002")


@pytest.mark.parametrize("parallelism", [1, 2, 3])
def test_parallelism_caps_the_live_jobs_of_a_phase(parallelism):
    story = three(phases={"experts": {"parallelism": parallelism}}).settle()
    assert len(story.cluster.created) == parallelism
    story.succeed()
    experts = [name for name in story.cluster.created if "-experts-" in name]
    assert len(experts) == min(3, 2 * parallelism)


@pytest.mark.parametrize(
    ("resources", "fitting"),
    [
        ({}, 2),
        ({"requests": {"cpu": "500m"}}, 3),
        ({"limits": {"cpu": 2}}, 1),
        ({"requests": {"cpu": 99}}, 1),
        ({"requests": {"cpu": 0}}, 3),
        ({"requests": {"cpu": "100m"}, "limits": {"nvidia.com/gpu": 1}}, 1),
    ],
)
def test_no_more_attempts_begin_than_a_known_capacity_has_room_for(resources, fitting):
    here = Platform(capacity={"cpu": 2, "nvidia.com/gpu": 1})
    story = three(platform=here, phases={"experts": {"resources": resources}}).settle()
    assert len(story.cluster.created) == fitting
    assert [member["attempt"] for member in story.phase("experts")["members"]] == [1] * fitting + [0] * (
        3 - fitting
    )
    assert story.finish().status["state"] == "Complete"


def test_a_phase_waits_for_every_member_of_the_one_before():
    story = three().settle().start()
    for uid in story.pods("Running")[:2]:
        story.cluster.succeed(uid)
    story.settle()
    assert (story.phase("experts")["state"], story.status["currentPhase"]) == ("Running", "experts")
    story.succeed()
    assert story.status["currentPhase"] == "trajectoryTransformer"
    assert order_of(list(story.cluster.jobs.values())[-1])["phase"] == "trajectoryTransformer"


def test_a_phase_is_given_the_artifacts_it_reads_with_their_digests():
    story = three().settle().succeed()
    inputs = order_of(list(story.cluster.jobs.values())[-1])["inputs"]
    assert [reference["member"] for reference in inputs["experts"]] == [
        "reach-v3-sawyer",
        "push-v3-sawyer",
        "door-open-v3-sawyer",
    ]
    first = inputs["experts"][0]
    assert first["uri"] == f"{story.status['resolved']['storageRoot']}/{story.member()['uri']}"
    assert first["manifestSha256"] == story.member()["manifestSha256"]
    assert first["tasks"] == [{"env": "reach-v3", "robot": "sawyer"}]


def test_phases_run_in_order_to_the_end():
    enabled = {"refinement": {"enabled": True}, "students": {"enabled": True}}
    story = three(phases=enabled).settle().finish()
    assert story.status["state"] == "Complete"
    assert [name.split("-")[1] for name in story.cluster.created] == (
        ["experts"] * 3 + ["encode", "distill", "refine"] + ["students"] * 3 + ["evaluate"]
    )
    assert story.status["progress"] == "10/10"


LOSSES = {
    "its Pod vanished": (lambda story: story.cluster.lose(story.pods("Running")[0]), "PodGone"),
    "its Pod is being deleted": (
        lambda story: story.cluster.delete_pod(story.pods("Running")[0], story.now),
        "PodDeleted",
    ),
    "its Job was deleted": (
        lambda story: story.cluster.jobs.clear() or story.cluster.pods.clear(),
        "JobGone",
    ),
    "its Job is being deleted": (
        lambda story: story.cluster.delete_job(*named(story), story.now),
        "JobDeleted",
    ),
}


def named(story):
    job = next(iter(story.cluster.jobs.values()))
    return job["metadata"]["name"], job["metadata"]["uid"]


@pytest.mark.parametrize(("lose", "reason"), LOSSES.values(), ids=LOSSES.keys())
def test_what_is_lost_without_us_costs_an_infrastructure_retry(lose, reason):
    story = Story().settle().start()
    lose(story)
    story.round()
    assert (story.member()["state"], story.member()["infrastructureRetries"]) == ("Waiting", 1)
    assert story.status["lastFailure"]["reason"] == reason


def test_a_pod_that_is_being_preempted_says_so():
    story = Story().settle().start()
    uid = story.pods("Running")[0]
    story.cluster.pods[uid]["status"] |= disrupted("PreemptionByScheduler")
    story.cluster.delete_pod(uid, story.now)
    story.round()
    assert story.status["lastFailure"]["reason"] == "PreemptionByScheduler"


def test_only_jobs_of_live_attempts_are_expected_to_be_there():
    story = three().settle()
    assert list(expected_jobs(parse_run(story.body))) == story.cluster.created
    story.succeed()
    assert list(expected_jobs(parse_run(story.body))) == story.cluster.created[3:]


def test_a_job_made_anew_under_its_name_is_not_the_one_remembered():
    story = Story().settle()
    story.cluster.jobs[story.cluster.created[0]]["metadata"]["uid"] = "another"
    planned = story.plan()
    assert [action.uid for action in planned.actions] == ["another"]
    assert planned.status.last_failure.reason == "JobGone"


def test_a_result_that_went_with_its_pod_before_it_was_read_is_fetched_by_the_next_attempt():
    story = Story().settle()
    uid = story.pods("Pending")[0]
    story.body["status"]["phases"][0]["members"][0].pop("podUid")  # the Pod was never seen
    story.cluster.start(uid)
    story.cluster.succeed(uid)
    story.cluster.control(story.now)
    story.cluster.lose(uid)
    story.settle()
    assert story.status["lastFailure"]["reason"] == "PodGone"
    assert story.wait(10).member()["attempt"] == 2


def test_a_second_pod_ends_the_attempt():
    story = Story().settle().start()
    story.cluster.lose(story.pods("Running")[0])
    story.cluster.control(story.now)  # makes another Pod
    planned = story.round()
    assert deleted(planned) == story.cluster.created
    assert story.status["lastFailure"]["reason"] == "PodGone"


def test_two_pods_at_once_end_the_attempt():
    story = Story().settle().start()
    story.cluster.pods["twin"] = {**story.cluster.pods["pod00002"]}
    story.cluster.pods["twin"]["metadata"] = {**story.cluster.pods["twin"]["metadata"], "uid": "twin"}
    story.round()
    assert story.status["lastFailure"]["reason"] == "SecondPod"


def test_the_next_attempt_waits_until_the_pods_of_the_last_are_gone():
    story = Story().settle().start()
    uid = story.pods("Running")[0]
    story.cluster.delete_pod(uid, story.now)
    story.settle().wait(25)
    assert len(story.cluster.created) == 1
    story.cluster.end(uid, ended(143))
    story.cluster.control(story.now)
    story.settle()
    assert story.cluster.created[-1].endswith("-2")


def test_a_pod_on_a_lost_node_counts_as_gone_a_minute_after_its_grace():
    story = Story().settle().start()
    story.cluster.delete_pod(story.pods("Running")[0], story.now)
    story.settle().wait(89)
    assert len(story.cluster.created) == 1
    story.wait(1)
    assert len(story.cluster.created) == 2


def test_an_artifact_of_a_pod_that_was_taken_away_still_counts():
    story = Story().settle().start()
    uid = story.pods("Running")[0]
    story.cluster.succeed(uid)
    story.cluster.pods[uid]["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:30Z"
    story.round()
    assert story.member()["state"] == "Succeeded"


def test_a_late_artifact_of_an_attempt_given_up_still_counts():
    story = Story().settle().start()
    uid = story.pods("Running")[0]
    story.cluster.delete_pod(uid, story.now)
    story.round()
    terminating = story.cluster.pods[uid]
    story.cluster.succeed(uid)
    story.cluster.pods[uid] = terminating | {"status": succeeded_status(story)}
    story.round()
    assert story.member()["state"] == "Succeeded"


def succeeded_status(story):
    other = Story().settle().start()
    uid = other.pods("Running")[0]
    other.cluster.succeed(uid)
    return other.cluster.pods[uid]["status"]


def test_an_artifact_elsewhere_is_not_taken():
    story = Story(tasks=tasks("reach", "push")).settle().start()
    first, second = story.pods("Running")
    story.cluster.succeed(second)
    status = story.cluster.pods[second]["status"]
    story.cluster.end(first, status)
    story.settle()
    assert story.member(0)["applicationRetries"] == 1
    assert story.status["lastFailure"]["reason"] == "ResultMisplaced"
    assert story.member(1)["state"] == "Succeeded"


def test_a_finished_member_is_not_run_again_whatever_is_deleted():
    story = three().settle().succeed()
    story.cluster.jobs.clear()
    story.cluster.pods.clear()
    planned = story.plan()
    assert [member.state for member in planned.status.phases[0].members] == ["Succeeded"] * 3
    assert all("-experts-" not in name for name in created(planned))


def test_attempt_numbers_go_on_after_those_in_the_cluster_if_the_status_was_lost():
    story = Story().settle().fail(ended(1)).wait(20)
    assert story.member()["attempt"] == 2
    del story.body["status"]
    story.settle()
    assert story.member()["attempt"] == 3


def test_an_artifact_is_found_again_if_the_status_was_lost():
    story = Story(runPolicy={"cleanup": {"succeededJobs": "Retain"}}).settle().succeed()
    del story.body["status"]
    story.settle()
    assert story.member()["state"] == "Succeeded"
    assert story.status["currentPhase"] == "trajectoryTransformer"


def test_a_job_that_is_nobodys_attempt_is_deleted():
    story = Story().settle().start()
    story.body["status"]["phases"][0]["members"][0] |= {"attempt": 2, "state": "Waiting"}
    assert deleted(story.plan()) == story.cluster.created


def test_a_driver_that_is_lost_spends_nothing():
    story = Story().settle()
    lost = ended(137) | {
        "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "DriverLost"}]
    }
    story.fail(lost)
    assert (story.member()["attempt"], story.status["retries"]) == (2, 0)
    assert "lastFailure" not in story.status
