"""A run in containers whose place in a queue a more urgent one takes: it goes on from its checkpoint."""

import pytest
from support.namespace import Namespace
from support.run_bodies import learning_run_body, scripted_run_body
from support.stored_artifacts import StoredArtifacts
from testbed.cluster.example_run import s3_storage
from testbed.kueue import queues
from testbed.kueue.manager import Kueue
from testbed.kueue.objects import PRIORITY_LABEL, QUEUE_LABEL

QUEUE, URGENT, BACKGROUND = "lab", "urgent", "background"


@pytest.fixture
def kueue(container_cluster):
    """Kueue, with room for one Job at a time. Afterwards no Job in the cluster is asked about."""
    with Kueue(container_cluster.control_plane, container_cluster.folder / "kueue") as kueue:
        yield kueue
        kueue.uninstall()


@pytest.fixture
def namespace(container_cluster, kueue):
    namespace = Namespace.create_in(container_cluster, "preempted")
    objects = [*queues.shared(QUEUE, jobs=1, preempts=True), queues.local(QUEUE, QUEUE)]
    priorities = [queues.priority(URGENT, 1000), queues.priority(BACKGROUND, 10)]
    container_cluster.apply(*objects, *priorities, namespace=namespace.name)
    return namespace


def apply(namespace, body, priority):
    body["metadata"]["labels"] = {QUEUE_LABEL: QUEUE, PRIORITY_LABEL: priority}
    return namespace.apply_run(body)


def test_a_preempted_run_goes_on_from_its_checkpoint_and_spends_no_retry(container_cluster, namespace):
    store = container_cluster.object_store
    body = learning_run_body("overnight", s3_storage(store))
    body["spec"]["tasks"] = body["spec"]["tasks"][:1]
    budgets = {"totalEnvSteps": 8000, "evaluationEveryEnvSteps": 8000, "checkpointEveryEnvSteps": 500}
    body["spec"]["phases"]["experts"]["params"] |= budgets
    overnight = apply(namespace, body, BACKGROUND)
    first = overnight.wait_for_pod()
    stored = StoredArtifacts(store, overnight)
    overnight.wait_until(stored.checkpoint_steps, "its first checkpoint")

    urgent = apply(namespace, scripted_run_body("before-the-visit", s3_storage(store)), URGENT)
    overnight.wait_for_event("MemberEvicted")
    print(namespace.kubectl("get", "collectiveruns"))
    evicted = overnight.status
    assert evicted["lastFailure"]["reason"] == "Preempted"
    assert evicted["lastFailure"]["kind"] == "stopped"
    assert urgent.wait(lambda s: s.get("state") in ("Complete", "Failed"), "its end")["state"] == "Complete"
    stopped_at = stored.checkpoint_steps()[-1]
    second = overnight.wait_for_pod()
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert second["metadata"]["labels"]["collectiverl.io/attempt"] == "1"
    name = second["metadata"]["name"]
    overnight.wait_until(lambda: overnight.progress_steps(name), "a line of progress")
    assert min(overnight.progress_steps(name)) > stopped_at
    ended = overnight.wait(lambda s: s.get("state") in ("Complete", "Failed"), "the end")
    print(namespace.kubectl("get", "collectiveruns"), overnight.described(), sep="\n")
    assert (ended["state"], ended["retries"]) == ("Complete", 0)
