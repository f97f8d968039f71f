"""docs/operations.md: a server takes its objects, and its queue admits Jobs with the chart's resources."""

import pytest
from support.operations_page import object_of, objects, yaml_documents
from support.run_bodies import tasks
from testbed.kueue.objects import API, PRIORITY_LABEL, QUEUE_LABEL

pytestmark = pytest.mark.timeout(1800)
JOBS = 5


def kueue_objects():
    return [document for document in objects() if document["apiVersion"] == API]


def chart_resources():
    (resources,) = [document for document in yaml_documents() if set(document) == {"requests", "limits"}]
    return resources


@pytest.fixture
def queue(namespace):
    """The page's objects, the LocalQueue in the namespace of the test."""
    for document in kueue_objects():
        metadata = {key: text for key, text in document["metadata"].items() if key != "namespace"}
        namespace.apply(document | {"metadata": metadata})
    return object_of("LocalQueue")["metadata"]["name"]


def test_a_server_takes_every_object_that_is_not_kueues(namespace):
    others = [document for document in objects() if document not in kueue_objects()]
    assert {"Secret", "Deployment", "Service", "ServiceAccount"} <= {found["kind"] for found in others}
    for document in others:
        metadata = document["metadata"] | {"namespace": namespace.name}
        namespace.apply(document | {"metadata": metadata}, "--validate=strict", "--dry-run=server")


def test_as_many_jobs_as_the_quota_says_are_admitted_with_the_charts_resources(namespace, queue):
    experts = {"resources": chart_resources(), "parallelism": JOBS + 1}
    names = ("reach", "push", "door-open", "door-close", "drawer-open", "drawer-close")
    body = namespace.simulated_run("arms", tasks=tasks(*names), phases={"experts": experts})
    body["metadata"]["labels"] = {QUEUE_LABEL: queue, PRIORITY_LABEL: "urgent"}
    run = namespace.apply_run(body)
    run.wait_for_condition("Queued", "PartlyAdmitted", "insufficient unused quota")
    assert sorted(job["spec"]["suspend"] for job in run.jobs()) == [False] * JOBS + [True]
