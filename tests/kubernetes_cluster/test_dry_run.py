"""What a real API server has against a Pod template, before any Job is made."""

from __future__ import annotations

import pytest
from kubernetes_cluster.unscheduled_runs import CPU_ONLY, create_run
from unit_operator.builders import NOON

from collectiverun_operator.api.run import StoredRun, parse_run
from collectiverun_operator.jobs.dry_run import dry_run_jobs
from collectiverun_operator.reconciler import reconcile

REFUSED = {
    "an unknown operator": ({"tolerations": [{"key": "a", "operator": "Nope"}]}, "tolerations[0].operator"),
    "a wrong type": (
        {"nodeSelector": "gpu"},
        "cannot unmarshal string into Go struct field PodSpec.spec.template",
    ),
    "a volume that is not there": (
        {"containers": [{"name": "trainer", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]},
        'volumeMounts[0].name: Not found: "data"',
    ),
    "a bad label": ({"nodeSelector": {"a b": "c"}}, "nodeSelector"),
}


def dry_runs(cluster, run):
    return [cluster.dry_run(manifest) for _, manifest in dry_run_jobs(parse_run(run, CPU_ONLY))]


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_is_refused_in_the_servers_words_without_the_jobs_name(namespace, cluster, name):
    spec, words = REFUSED[name]

    run = create_run(namespace, podTemplate={"spec": spec})
    (sentence,) = dry_runs(cluster, run)
    assert words in sentence
    assert "demo-experts" not in sentence
    assert "error found in" not in sentence


def test_resources_that_only_the_server_knows_to_be_wrong_are_refused_too(namespace, cluster):
    resources = {"requests": {"nvidia.com/gpu": 1}}
    run = create_run(namespace, podTemplate={}, phases={"experts": {"resources": resources}})
    refused, accepted = dry_runs(cluster, run)
    assert "Limit must be set for non overcommitable resources" in refused
    assert accepted is None


def test_a_good_template_is_taken_and_the_dry_run_leaves_nothing_behind(namespace, cluster):
    run = create_run(namespace, podTemplate={"spec": {"priorityClassName": "no-such-class"}})
    assert dry_runs(cluster, run) == [None]
    assert namespace.list("jobs") == []


def test_a_run_with_a_refused_template_says_so_and_starts_when_it_is_put_right(namespace, cluster):
    run = create_run(namespace, podTemplate={"spec": {"tolerations": [{"operator": "Nope"}]}})
    rejected = cluster.result_of(reconcile(cluster.awaitable, StoredRun.read(run, CPU_ONLY), NOON))
    accepted = rejected.status.conditions[0]
    assert (accepted.type, accepted.reason) == ("Accepted", "InvalidPodTemplate")
    assert accepted.message.startswith("spec.podTemplate: is refused by the API server: [spec.template")
    assert namespace.list("jobs") == []
    template = {"spec": {"podTemplate": {"spec": {"tolerations": []}}}}
    right = namespace.patch("collectiveruns", "demo", template)
    started = cluster.result_of(reconcile(cluster.awaitable, StoredRun.read(right, CPU_ONLY), NOON))
    assert started.status.state == "Pending"
    assert len(namespace.list("jobs")) == 1
