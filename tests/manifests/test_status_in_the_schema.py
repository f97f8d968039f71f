"""Whatever status is planned, the API server takes it and gives it back as it was."""

import json

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant
from manifests.api_server_model import pruned, violations
from manifests.served_runs import SCHEMA
from unit_operator.builders import a_body, a_result, artifact_uri, ended, rejected
from unit_operator.story import Story
from unit_operator.test_planned_histories import Histories

from collectiverun_operator.api.status_json import read_status, status_document
from collectiverun_operator.errors import Fault

STATUS = SCHEMA["properties"]["status"]


def refused(status):
    """What the API server would change or refuse."""
    taken = pruned(STATUS, json.loads(json.dumps(status)))
    return violations(STATUS, taken) + ([] if taken == status else ["pruned"])


class StatusesAreTaken(Histories):
    """Histories in which every status meets the schema."""

    @invariant()
    def the_api_server_takes_the_status(self):
        if hasattr(self, "cluster"):
            assert refused(self.body["status"]) == []


StatusesAreTaken.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestStatusesAreTaken = StatusesAreTaken.TestCase


def test_a_run_rejected_at_first_has_a_status_that_is_taken():
    assert refused(rejected(a_body(), *[Fault("spec", "is required")] * 200)) == []


def test_what_a_program_says_at_any_length_is_cut_to_what_is_taken():
    endless = json.dumps({"reason": "R" * 5000, "message": "m" * 50_000})
    story = Story(runPolicy={"retries": {"application": 0}}).settle().fail(ended(3, endless))
    assert len(story.status["lastFailure"]["reason"]) == 128
    assert refused(story.status) == []
    assert story.planned_status() == story.status, "what was cut is not written again and again"


def test_counts_beyond_any_number_are_taken():
    story = Story().settle().start()
    (uid,) = story.pods("Running")
    (job,) = story.cluster.jobs.values()
    story.cluster.end(uid, ended(0, a_result(artifact_uri(job, uid), envSteps=1e300)))
    story.cluster.control(story.now)
    assert story.settle().member()["envSteps"] == 2**53 - 1
    assert refused(story.status) == []


def test_a_status_that_was_read_is_written_as_it_was():
    status = Story().settle().finish().status
    assert status_document(read_status(status)) == status
