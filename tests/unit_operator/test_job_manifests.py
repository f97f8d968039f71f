"""The Job of one attempt: its name, its shape, what a user may and may not change about it."""

import json
import random

import pytest
from unit_operator.builders import (
    KUBERNETES,
    a_manifest,
    a_run,
    an_order,
    order_of,
    phase_named,
    trainer_of,
)

from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.jobs.manifest import job_manifest, job_name
from collectiverun_trainer.config import TASK_NAMES

S3 = {"uri": "s3://bucket/runs", "credentials": {"secretRef": {"name": "keys"}}}
ON_KUBERNETES = {
    "metadata": {"uid": "3f2a1b00-0000-4000-8000-000000000001"},
    "platform": KUBERNETES,
    "storage": S3,
}


def pod_of(manifest):
    return manifest["spec"]["template"]["spec"]


def variables(manifest):
    return {
        entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in trainer_of(manifest)["env"]
    }


def templates(run_template, phase_template):
    return {"podTemplate": run_template, "phases": {"experts": {"podTemplate": phase_template}}}


def test_the_name_is_made_of_run_phase_member_and_attempt():
    run = a_run()
    name = job_name(run, phase_named("experts"), "reach-v3-sawyer", 2)
    assert name.startswith("demo-experts-")
    assert name.endswith("-2")
    assert name == job_name(run, phase_named("experts"), "reach-v3-sawyer", 2)


def test_names_of_other_members_attempts_and_runs_differ():
    experts, run = phase_named("experts"), a_run()
    names = {job_name(run, experts, member, attempt) for member in ("a", "b") for attempt in (1, 2)}
    names.add(job_name(a_run(metadata={"namespace": "other"}), experts, "a", 1))
    assert len(names) == 5


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
@pytest.mark.parametrize("attempt", [1, 9999, 123_456])
def test_the_longest_name_fits_in_a_label(phase, attempt):
    name = job_name(a_run(name="r" * 40), phase, "button-press-topdown-wall-v3-sawyer", attempt)
    assert len(name) <= 63
    assert name.endswith(f"-{attempt}")


def test_a_job_is_tried_once_and_owned_by_the_run():
    run = a_run(**ON_KUBERNETES)
    manifest = a_manifest(run, "experts")
    spec = manifest["spec"]
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (0, 1, 1)
    assert pod_of(manifest)["restartPolicy"] == "Never"
    assert manifest["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "collectiverl.io/v1alpha1",
            "kind": "CollectiveRun",
            "name": "demo",
            "uid": run.uid,
            "controller": True,
        }
    ]


def test_job_and_pod_carry_the_labels_they_are_found_by():
    manifest = a_manifest(a_run(), "experts", attempt=3)
    marks = manifest["spec"]["template"]["metadata"]["labels"]
    assert marks["collectiverl.io/run-uid"] == a_run().uid
    assert marks["collectiverl.io/phase"] == "experts"
    assert marks["collectiverl.io/member"] == "reach-v3-sawyer"
    assert marks["collectiverl.io/attempt"] == "3"
    assert marks.items() <= manifest["metadata"]["labels"].items()


def test_only_the_queues_labels_of_the_run_go_to_its_jobs():
    given = {"kueue.x-k8s.io/queue-name": "gpu", "team": "rl"}
    manifest = a_manifest(a_run(metadata={"labels": given}), "experts")
    assert manifest["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpu"
    assert "team" not in manifest["metadata"]["labels"]
    assert "suspend" not in manifest["spec"]


def test_the_pod_is_restricted_and_has_no_token():
    manifest = a_manifest(a_run(), "experts")
    pod, trainer = pod_of(manifest), trainer_of(manifest)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert trainer["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


@pytest.mark.parametrize(
    ("template", "group"),
    [({}, 10001), ({"securityContext": {}}, None), ({"securityContext": {"fsGroup": 7}}, 7)],
)
def test_the_pods_group_can_be_chosen_or_left_to_the_cluster(template, group):
    """OpenShift gives each namespace groups of its own, and refuses all others."""
    pod = pod_of(a_manifest(a_run(podTemplate={"spec": template}), "experts"))
    assert pod["securityContext"].get("fsGroup") == group
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_devices_are_asked_for_by_claims_as_they_stand():
    template = {"spec": {"resourceClaims": [{"name": "gpus", "resourceClaimTemplateName": "one-h200"}]}}
    resources = {"claims": [{"name": "gpus", "request": "large"}], "requests": {"cpu": "2"}}
    run = a_run(**ON_KUBERNETES, podTemplate=template, phases={"experts": {"resources": resources}})
    manifest = a_manifest(run, "experts")
    assert pod_of(manifest)["resourceClaims"] == template["spec"]["resourceClaims"]
    assert trainer_of(manifest)["resources"] == resources


@pytest.mark.parametrize("phase", ["experts", "trajectoryTransformer", "evaluation"])
def test_the_command_names_the_phase(phase):
    command = trainer_of(a_manifest(a_run(), phase))["command"]
    assert command == ["python", "-m", "collectiverun_trainer", phase]


@pytest.mark.parametrize(
    ("resources", "threads"),
    [
        ({}, 1),
        ({"requests": {"cpu": "4"}}, 4),
        ({"limits": {"cpu": 3}}, 3),
        ({"requests": {"cpu": "2500m"}, "limits": {"cpu": 8}}, 2),
        ({"requests": {"cpu": "100m"}}, 1),
        ({"limits": {"nvidia.com/gpu": 1}}, 1),
        ({"limits": {"cpu": 1000}}, 256),
    ],
)
def test_threads_are_the_whole_cores_asked_for(resources, threads):
    manifest = a_manifest(a_run(phases={"experts": {"resources": resources}}), "experts")
    assert trainer_of(manifest)["resources"] == resources
    assert order_of(manifest)["threads"] == threads
    assert variables(manifest)["OMP_NUM_THREADS"] == str(threads)


def test_a_phase_without_resources_gets_the_installations():
    assert trainer_of(a_manifest(a_run(**ON_KUBERNETES), "experts"))["resources"] == {
        "limits": {"nvidia.com/gpu": 1}
    }
    none = a_run(**ON_KUBERNETES, phases={"experts": {"resources": {}}})
    assert trainer_of(a_manifest(none, "experts"))["resources"] == {}


@pytest.mark.parametrize(("grace", "told"), [(30, "25"), (120, "115"), (6, "3"), (1, "0")])
def test_the_trainer_knows_its_grace(grace, told):
    manifest = a_manifest(a_run(runPolicy={"terminationGracePeriodSeconds": grace}), "experts")
    assert pod_of(manifest)["terminationGracePeriodSeconds"] == grace
    assert variables(manifest)["COLLECTIVERUN_GRACE_SECONDS"] == told


def test_the_pod_uid_comes_from_the_pod():
    assert variables(a_manifest(a_run(), "experts"))["COLLECTIVERUN_POD_UID"] == {
        "fieldRef": {"fieldPath": "metadata.uid"}
    }


def test_credentials_come_from_the_secret_and_never_as_a_value():
    given = variables(a_manifest(a_run(**ON_KUBERNETES), "experts"))
    assert given["AWS_ACCESS_KEY_ID"] == {"secretKeyRef": {"name": "keys", "key": "AWS_ACCESS_KEY_ID"}}
    assert given["AWS_SECRET_ACCESS_KEY"]["secretKeyRef"]["key"] == "AWS_SECRET_ACCESS_KEY"
    assert given["AWS_SESSION_TOKEN"]["secretKeyRef"]["optional"] is True


def test_nothing_of_aws_is_set_on_this_machine():
    assert [name for name in variables(a_manifest(a_run(), "experts")) if name.startswith("AWS")] == []


def test_a_cloud_identity_is_the_pods_service_account():
    storage = {"uri": "s3://bucket/x", "credentials": {"serviceAccountName": "trainer"}}
    manifest = a_manifest(a_run(**(ON_KUBERNETES | {"storage": storage})), "experts")
    assert pod_of(manifest)["serviceAccountName"] == "trainer"
    assert "AWS_ACCESS_KEY_ID" not in variables(manifest)


def test_certificates_are_mounted_where_the_order_says():
    storage = S3 | {"caBundle": {"configMapName": "ca", "key": "root.pem"}}
    manifest = a_manifest(a_run(**(ON_KUBERNETES | {"storage": storage})), "experts")
    assert {"name": "ca-bundle", "configMap": {"name": "ca"}} in pod_of(manifest)["volumes"]
    mount = next(mount for mount in trainer_of(manifest)["volumeMounts"] if mount["name"] == "ca-bundle")
    assert order_of(manifest)["storage"]["caBundlePath"] == f"{mount['mountPath']}/root.pem"


OWN_ARM = {"name": "my-arm", "path": "/models/my-arm.xml", "configMapName": "my-arm"}


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_every_phase_has_the_arms_of_the_run_and_is_told_where(phase):
    phases = {name: {"enabled": True} for name in ("refinement", "students")}
    run = a_run(**ON_KUBERNETES, robotModels=[OWN_ARM], phases=phases, seeds=[1, 2])
    manifest = a_manifest(run, phase.name)
    assert {"name": "robot-my-arm", "configMap": {"name": "my-arm"}} in pod_of(manifest)["volumes"]
    mount = next(mount for mount in trainer_of(manifest)["volumeMounts"] if mount["name"] == "robot-my-arm")
    assert mount["readOnly"]
    assert order_of(manifest)["robotModels"] == {"my-arm": mount["mountPath"]}


def test_this_machine_reads_an_arms_file():
    manifest = a_manifest(a_run(robotModels=[OWN_ARM]), "experts")
    assert order_of(manifest)["robotModels"] == {"my-arm": "/models/my-arm.xml"}
    assert [volume["name"] for volume in pod_of(manifest)["volumes"]] == ["scratch"]


def test_a_phases_template_wins_over_the_runs():
    run = {"spec": {"nodeSelector": {"gpu": "a100", "zone": "a"}, "priorityClassName": "low"}}
    phase = {"spec": {"nodeSelector": {"gpu": "h100"}}, "metadata": {"annotations": {"a": "b"}}}
    manifest = a_manifest(a_run(**templates(run, phase)), "experts")
    assert pod_of(manifest)["nodeSelector"] == {"gpu": "h100", "zone": "a"}
    assert pod_of(manifest)["priorityClassName"] == "low"
    assert manifest["spec"]["template"]["metadata"]["annotations"] == {"a": "b"}
    assert "nodeSelector" in pod_of(a_manifest(a_run(**templates(run, phase)), "evaluation"))


def test_variables_merge_by_name_and_a_variable_has_one_source():
    reference = {"configMapKeyRef": {"name": "c", "key": "k"}}
    run = {"name": "trainer", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}
    phase = {"name": "trainer", "env": [{"name": "B", "valueFrom": reference}]}
    manifest = a_manifest(
        a_run(**templates({"spec": {"containers": [run]}}, {"spec": {"containers": [phase]}})), "experts"
    )
    entries = [entry for entry in trainer_of(manifest)["env"] if entry["name"] in "AB"]
    assert entries == [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": reference}]
    assert "COLLECTIVERUN_PHASE_ORDER" in variables(manifest)


def test_mounts_merge_by_path_and_containers_beside_stay():
    mounts = [{"name": "data", "mountPath": "/a"}, {"name": "data", "mountPath": "/b"}]
    side = {"name": "side", "image": "side:1"}
    run = {"spec": {"containers": [side, {"name": "trainer", "volumeMounts": mounts[:1]}]}}
    phase = {"spec": {"containers": [{"name": "trainer", "volumeMounts": mounts[1:]}]}}
    manifest = a_manifest(a_run(**templates(run, phase)), "experts")
    assert trainer_of(manifest)["volumeMounts"] == [*mounts, {"name": "scratch", "mountPath": "/tmp"}]
    assert side in pod_of(manifest)["containers"]


def test_tolerations_of_a_phase_replace_the_runs():
    first, second = {"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}
    run, phase = {"spec": {"tolerations": [first]}}, {"spec": {"tolerations": [second]}}
    assert pod_of(a_manifest(a_run(**templates(run, phase)), "experts"))["tolerations"] == [second]


def test_a_token_can_be_asked_for():
    asked = {"spec": {"automountServiceAccountToken": True}}
    assert pod_of(a_manifest(a_run(podTemplate=asked), "experts"))["automountServiceAccountToken"] is True


def test_building_a_manifest_changes_nothing_of_the_run():
    run = a_run(
        podTemplate={"spec": {"containers": [{"name": "trainer", "env": [{"name": "A", "value": "1"}]}]}}
    )
    before = run.spec.model_dump_json()
    assert a_manifest(run, "experts") == a_manifest(run, "experts")
    assert run.spec.model_dump_json() == before


def test_a_dollar_in_a_value_is_not_expanded_by_kubernetes():
    run = a_run(storage={"uri": "file:///data/$(HOME)"})
    order = an_order(run, "experts")
    text = variables(job_manifest(run, phase_named("experts"), order, ""))["COLLECTIVERUN_PHASE_ORDER"]
    assert "$" not in text
    assert json.loads(text) == order


def test_the_largest_order_fits_in_one_variable():
    """Digests and Pods are of random letters, as theirs are: nothing packs them."""
    letters, robots = random.Random(0), [f"{n:02}{'r' * 30}" for n in range(16)]
    longest = sorted(TASK_NAMES, key=len)[-8:]
    tasks = [{"env": env, "robot": robot} for env in longest for robot in robots]
    root = f"s3://{'d' * 60}/{'d' * 190}/{'n' * 63}/{'r' * 40}-12345678"
    run = a_run(
        **(ON_KUBERNETES | {"storage": S3 | {"uri": f"s3://{'d' * 60}/{'d' * 190}"}}),
        phases={"students": {"enabled": True}},
        tasks=tasks,
        robotModels=[{"name": name, "path": "p" * 1024, "configMapName": "c" * 253} for name in robots],
    )
    references = [
        {
            "member": (name := f"{task['env']}-{task['robot']}"),
            "uri": f"{root}/students/{name}/attempt-9999/{letters.randbytes(4).hex()}",
            "manifestSha256": letters.randbytes(32).hex(),
            "tasks": [task],
        }
        for task in tasks
    ]
    order = an_order(run, "evaluation", experts=references, students=references[::-1])
    manifest = job_manifest(run, phase_named("evaluation"), order, "")
    variable = variables(manifest)["COLLECTIVERUN_PHASE_ORDER"]
    assert len(variable.encode()) < 64 * 1024  # Linux refuses a variable of more than 128 KiB
    assert order_of(manifest) == order
    assert len(json.dumps(order)) > 128 * 1024


def test_an_order_that_fits_may_be_read_by_people():
    assert variables(a_manifest(a_run(), "experts"))["COLLECTIVERUN_PHASE_ORDER"].startswith("{")


def test_the_evaluation_alone_gets_the_runs_spec_without_templates():
    run = a_run(**templates({"spec": {"nodeSelector": {}}}, {"spec": {"nodeSelector": {}}}))
    assert "spec" not in an_order(run, "experts")
    reported = an_order(run, "evaluation")["spec"]
    assert reported["tasks"] == [{"env": "reach-v3", "robot": "sawyer", "holdout": False}]
    assert "podTemplate" not in json.dumps(reported)
