"""What a real API server has against a Pod template, before any Job is made."""

from __future__ import annotations

import pytest
from kubernetes_cluster.scene import CPU_ONLY, Stage, Theatre
from unit_operator.builders import NOON

from collectiverun_operator.api.run import StoredRun, parse_run
from collectiverun_operator.cluster.kubernetes import paths as paths
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


async def trials(stage: Stage, run):
    return [await stage.cluster.dry_run(manifest) for _, manifest in dry_run_jobs(parse_run(run, CPU_ONLY))]


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_is_refused_in_the_servers_words_without_the_jobs_name(theatre: Theatre, name):
    spec, words = REFUSED[name]

    async def scene(stage: Stage):
        run = await stage.make_run(podTemplate={"spec": spec})
        (sentence,) = await trials(stage, run)
        assert words in sentence
        assert "demo-experts" not in sentence
        assert "error found in" not in sentence

    theatre.play(scene)


def test_requests_above_limits_are_refused_too(theatre: Theatre):
    async def scene(stage: Stage):
        resources = {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}
        run = await stage.make_run(podTemplate={}, phases={"experts": {"resources": resources}})
        refused, accepted = await trials(stage, run)
        assert "must be less than or equal to cpu limit" in refused
        assert accepted is None

    theatre.play(scene)


def test_a_good_template_is_taken_and_the_trial_leaves_nothing_behind(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run(podTemplate={"spec": {"priorityClassName": "no-such-class"}})
        assert await trials(stage, run) == [None]
        assert await stage.jobs() == []

    theatre.play(scene)


def test_a_run_with_a_refused_template_says_so_and_starts_when_it_is_put_right(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run(podTemplate={"spec": {"tolerations": [{"operator": "Nope"}]}})
        rejected = await reconcile(stage.cluster, StoredRun.read(run, CPU_ONLY), NOON)
        accepted = rejected.status.conditions[0]
        assert (accepted.type, accepted.reason) == ("Accepted", "InvalidPodTemplate")
        assert accepted.message.startswith("spec.podTemplate: is refused by the API server: [spec.template")
        assert await stage.jobs() == []
        path = paths.run(stage.namespace, "demo")
        right = await stage.change(path, {"spec": {"podTemplate": {"spec": {"tolerations": []}}}})
        started = await reconcile(stage.cluster, StoredRun.read(right, CPU_ONLY), NOON)
        assert started.status.state == "Pending"
        assert len(await stage.jobs()) == 1

    theatre.play(scene)
