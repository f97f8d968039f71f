"""Pod templates are tried on the cluster before anything starts, each once, and a refusal names its field."""

import asyncio

import pytest
from unit_operator.builders import HERE, KUBERNETES, NOON, a_body, a_run, trainer_of

from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.run import StoredRun
from collectiverun_operator.formatting import format_time
from collectiverun_operator.jobs.dry_run import dry_run_jobs, is_dry_run_due
from collectiverun_operator.jobs.manifest import job_name
from collectiverun_operator.reconciler import reconcile

S3 = {"uri": "s3://bucket/runs", "credentials": {"secretRef": {"name": "s3"}}}
CPU = {"resources": {}}


def a_cluster_run(**spec):
    return a_run(platform=KUBERNETES, metadata={"uid": "u", "namespace": "team"}, storage=S3, **spec)


def paths(**spec):
    return [path for path, _ in dry_run_jobs(a_cluster_run(**spec))]


def template(**spec):
    return {"spec": spec}


def test_a_template_that_all_phases_share_is_tried_once():
    assert paths(podTemplate=template(nodeSelector={"a": "b"})) == ["spec.podTemplate"]


def test_without_any_template_the_resources_are_tried():
    assert paths() == ["spec.phases.experts.resources"]


def test_each_phase_that_differs_is_tried_under_its_own_field():
    phases = {
        "onlineDistillation": {"podTemplate": template(nodeSelector={"gpu": "big"})},
        "evaluation": CPU,
    }
    assert paths(podTemplate=template(nodeSelector={"a": "b"}), phases=phases) == [
        "spec.podTemplate",
        "spec.phases.onlineDistillation.podTemplate",
        "spec.podTemplate",
    ]


def test_phases_that_do_not_run_are_not_tried():
    phases = {"refinement": {"enabled": False, "podTemplate": template(nodeSelector={"a": "b"})}}
    assert paths(phases=phases) == ["spec.phases.experts.resources"]


def test_what_is_tried_is_the_job_that_would_be_made_under_a_name_no_job_has():
    run = a_cluster_run(podTemplate=template(tolerations=[{"operator": "Exists"}]))
    ((_, manifest),) = dry_run_jobs(run)
    assert manifest["spec"]["template"]["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert trainer_of(manifest)["image"] == KUBERNETES.image
    assert manifest["metadata"]["namespace"] == "team"
    assert manifest["metadata"]["name"] == job_name(run, PHASES[0], "reach-v3-sawyer", 0)


class Fussy:
    """A cluster without Jobs that refuses templates with a node selector, and counts what it is asked."""

    def __init__(self):
        self.trials = 0
        self.created = []
        self.is_fussy = True

    async def jobs(self, run_uid):
        return []

    pods = jobs

    async def job(self, namespace, name, run_uid):
        return None

    async def progress(self, run_uid, *, is_awaited=True):
        return {}

    async def holdups(self, run_uid):
        return {}

    async def dry_run(self, manifest):
        self.trials += 1
        refused = self.is_fussy and "nodeSelector" in manifest["spec"]["template"]["spec"]
        return "spec.template.spec.nodeSelector: is not liked" if refused else None

    async def create_job(self, manifest):
        self.created.append(manifest["metadata"]["name"])

    async def write_status(self, run, status):
        return {**run, "status": status}


def body(**spec):
    return a_body(metadata={"uid": "u", "namespace": "team"}, storage=S3, **spec)


def turn(cluster, document, platform=KUBERNETES):
    return asyncio.run(reconcile(cluster, StoredRun.read(document, platform), NOON)).stored.body


def accepted(document):
    return next(entry for entry in document["status"]["conditions"] if entry["type"] == "Accepted")


def test_a_refused_template_is_told_with_its_field_and_nothing_starts():
    cluster = Fussy()
    after = turn(cluster, body(podTemplate=template(nodeSelector={"a": "b"})))
    assert (accepted(after)["status"], accepted(after)["reason"]) == ("False", "InvalidPodTemplate")
    assert accepted(after)["message"].startswith("spec.podTemplate: is refused by the API server: spec.temp")
    assert after["status"]["state"] == "Rejected"
    assert cluster.created == []


def test_a_refused_template_stays_refused_however_often_it_is_looked_at():
    cluster = Fussy()
    first = turn(cluster, body(podTemplate=template(nodeSelector={"a": "b"})))
    assert turn(cluster, first) == first
    assert cluster.created == []


def test_a_template_put_right_is_accepted_and_the_run_begins():
    cluster = Fussy()
    refused = turn(cluster, body(podTemplate=template(nodeSelector={"a": "b"})))
    right = body(podTemplate=template()) | {"status": refused["status"]}
    right["metadata"]["generation"] = 2
    assert accepted(turn(cluster, right))["status"] == "True"
    assert len(cluster.created) == 1


def test_a_template_that_is_refused_under_way_starts_nothing_and_forgets_nothing():
    cluster = Fussy()
    begun = turn(cluster, body())
    changed = body(podTemplate=template(nodeSelector={"a": "b"})) | {"status": begun["status"]}
    changed["metadata"]["generation"] = 2
    after = turn(cluster, changed)
    assert (accepted(after)["reason"], after["status"]["state"]) == ("InvalidPodTemplate", "Rejected")
    assert after["status"]["observedGeneration"] == 2
    assert after["status"]["phases"] == begun["status"]["phases"]
    assert len(cluster.created) == 1


def test_a_template_that_the_cluster_takes_later_is_accepted_without_a_change():
    cluster = Fussy()
    refused = turn(cluster, body(podTemplate=template(nodeSelector={"a": "b"})))
    cluster.is_fussy = False
    assert accepted(turn(cluster, refused))["status"] == "True"


def test_a_spec_is_tried_once_and_again_when_it_changes():
    cluster = Fussy()
    first = turn(cluster, body())
    turn(cluster, first)
    assert cluster.trials == 1
    first["metadata"]["generation"] = 2
    turn(cluster, first)
    assert cluster.trials == 2


@pytest.mark.parametrize("generation", [1, 2])
def test_a_complete_run_is_not_tried(generation):
    complete = {"type": "Complete", "status": "True", "reason": "AllPhasesSucceeded"}
    complete["lastTransitionTime"] = format_time(NOON)
    status = {"observedGeneration": 1, "conditions": [complete]}
    metadata = {"uid": "u", "generation": generation}
    assert not is_dry_run_due(a_run(platform=KUBERNETES, metadata=metadata, storage=S3, status=status))


def test_on_this_machine_nothing_is_tried():
    assert not is_dry_run_due(a_run(platform=HERE, podTemplate=template(nodeSelector={"a": "b"})))
