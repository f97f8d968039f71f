"""One attempt of one member → one Job manifest. Pure: the same arguments give the same manifest and name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from collectiverun_operator.api import labels
from collectiverun_operator.api.members import settings_of
from collectiverun_operator.api.phases import Phase
from collectiverun_operator.api.pod_template import CONTAINER, merge, merge_templates
from collectiverun_operator.api.quantities import parse_quantity
from collectiverun_operator.api.run import API_VERSION, KIND, CollectiveRun
from collectiverun_operator.jobs.phase_order import (
    CA_DIRECTORY,
    order_text,
    resources_of,
    robot_directory,
    threads_of,
)
from collectiverun_operator.json_types import JSONObject

ORDER_VARIABLE = "COLLECTIVERUN_PHASE_ORDER"
POD_UID_VARIABLE = "COLLECTIVERUN_POD_UID"
GRACE_VARIABLE = "COLLECTIVERUN_GRACE_SECONDS"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LOCAL_IMAGE = "this-machine"
NAME_LIMIT = 63
# Kept of the grace period for the process to exit after its last write.
GRACE_MARGIN_SECONDS = 5
GROUP_ID = 10001
SCRATCH = "scratch"


def job_name(run: CollectiveRun, phase: Phase, member: str, attempt: int) -> str:
    """`<run>-<phase>-<hash of run uid and member>-<attempt>`, at most 63 characters."""
    digest = hashlib.sha256(f"{run.uid}/{member}".encode()).hexdigest()[:8]
    tail = f"-{phase.settings.SHORT_NAME}-{digest}-{attempt}"
    return run.name[: NAME_LIMIT - len(tail)].rstrip("-") + tail


@dataclass(frozen=True)
class Lessons:
    """What earlier attempts of a member taught: a node to avoid, and how much more memory it needs."""

    avoided_node: str = ""
    memory_factor: float = 1.0


NO_LESSONS = Lessons()


def job_manifest(
    run: CollectiveRun, phase: Phase, order: JSONObject, image: str, lessons: Lessons = NO_LESSONS
) -> JSONObject:
    """The Job that carries out a phase order."""
    member, attempt = order["member"], order["attempt"]
    job_labels = _labels(run, phase, member, attempt)
    template = _with_lessons(_pod_template(run, phase, order, image), lessons)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(run, phase, member, attempt),
            "namespace": run.namespace,
            "labels": job_labels | {key: run.labels[key] for key in labels.KUEUE if key in run.labels},
            "ownerReferences": [_owner(run)],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            # No second Pod starts while the first is still terminating.
            "podReplacementPolicy": "Failed",
            "template": merge(template, {"metadata": {"labels": job_labels}}),
        },
    }


def _with_lessons(template: JSONObject, lessons: Lessons) -> JSONObject:
    """The Pod template with a soft preference for other nodes, and more memory for the trainer."""
    if lessons.avoided_node:
        # By name: a label of the same value is not on every cluster's nodes.
        other = {"key": "metadata.name", "operator": "NotIn", "values": [lessons.avoided_node]}
        term = {"weight": 100, "preference": {"matchFields": [other]}}
        node = template["spec"].setdefault("affinity", {}).setdefault("nodeAffinity", {})
        terms = node.setdefault("preferredDuringSchedulingIgnoredDuringExecution", [])
        terms.append(term)
    if lessons.memory_factor != 1.0:
        trainer = next(entry for entry in template["spec"]["containers"] if entry["name"] == CONTAINER)
        trainer["resources"] = _with_more_memory(trainer["resources"], lessons.memory_factor)
    return template


def _with_more_memory(resources: JSONObject, factor: float) -> JSONObject:
    more: JSONObject = {}
    for kind, amounts in resources.items():
        is_list = isinstance(amounts, dict) and "memory" in amounts
        more[kind] = amounts | {"memory": _more(amounts["memory"], factor)} if is_list else amounts
    return more


def _more(memory: object, factor: float) -> str:
    mebibytes = int(parse_quantity(memory) * Decimal(str(factor)) / 2**20)
    return f"{mebibytes}Mi"


def _owner(run: CollectiveRun) -> JSONObject:
    # blockOwnerDeletion would need permission to update finalizers, which the operator does not have.
    return {"apiVersion": API_VERSION, "kind": KIND, "name": run.name, "uid": run.uid, "controller": True}


def _labels(run: CollectiveRun, phase: Phase, member: str, attempt: int) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "collectiverun",
        "app.kubernetes.io/instance": run.name,
        "app.kubernetes.io/component": phase.name,
        "app.kubernetes.io/managed-by": "collectiverun-operator",
        labels.RUN: run.name,
        labels.RUN_UID: run.uid,
        labels.PHASE: phase.name,
        labels.MEMBER: member,
        labels.ATTEMPT: str(attempt),
    }


def _pod_template(run: CollectiveRun, phase: Phase, order: JSONObject, image: str) -> JSONObject:
    """Lowest precedence first: defaults, the run's template, the phase's, the operator's own."""
    template = merge_templates(run.spec.pod_template, settings_of(run.spec, phase).pod_template)
    template = merge({"spec": {"automountServiceAccountToken": False}}, template)
    # Whoever sets a security context chooses the groups too: a cluster may allow its own only, as OpenShift.
    template["spec"].setdefault("securityContext", {"fsGroup": GROUP_ID})
    template = merge(template, {"spec": _our_pod(run, phase, order, image)})
    return _with_robots(run, _with_storage(run, template))


def _our_pod(run: CollectiveRun, phase: Phase, order: JSONObject, image: str) -> JSONObject:
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": run.spec.run_policy.termination_grace_period_seconds,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_our_container(run, phase, order, image)],
        # The only writable path, besides the volumes that a user mounts.
        "volumes": [{"name": SCRATCH, "emptyDir": {}}],
    }


def _our_container(run: CollectiveRun, phase: Phase, order: JSONObject, image: str) -> JSONObject:
    return {
        "name": CONTAINER,
        "image": image or LOCAL_IMAGE,
        "command": ["python", "-m", "collectiverun_trainer", phase.name],
        "env": _environment(run, phase, order),
        "resources": resources_of(run, phase),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": SCRATCH, "mountPath": "/tmp"}],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _environment(run: CollectiveRun, phase: Phase, order: JSONObject) -> list[JSONObject]:
    grace = run.spec.run_policy.termination_grace_period_seconds
    variables = {
        ORDER_VARIABLE: order_text(order),
        GRACE_VARIABLE: str(max(grace - GRACE_MARGIN_SECONDS, grace // 2)),
    }
    variables |= dict.fromkeys(THREAD_VARIABLES, str(threads_of(run, phase)))
    ours: list[JSONObject] = [{"name": name, "value": value} for name, value in variables.items()]
    ours.append({"name": POD_UID_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}})
    return ours + _credentials(run)


def _credentials(run: CollectiveRun) -> list[JSONObject]:
    """AWS_* from the Secret the run names. The operator itself never reads it."""
    credentials = run.spec.storage.credentials
    if credentials is None or credentials.secret_ref is None:
        return []
    secret = credentials.secret_ref.name
    keys = {"AWS_ACCESS_KEY_ID": False, "AWS_SECRET_ACCESS_KEY": False, "AWS_SESSION_TOKEN": True}
    return [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key} | _optional(optional)}}
        for key, optional in keys.items()
    ]


def _optional(optional: bool) -> dict[str, bool]:
    return {"optional": True} if optional else {}


def _with_storage(run: CollectiveRun, template: JSONObject) -> JSONObject:
    """The template with the service account and CA certificates that the run's storage needs."""
    storage = run.spec.storage
    if storage.credentials is not None and storage.credentials.service_account_name is not None:
        template["spec"]["serviceAccountName"] = storage.credentials.service_account_name
    if storage.ca_bundle is None:
        return template
    return _with_config_map(template, "ca-bundle", storage.ca_bundle.config_map_name, CA_DIRECTORY)


def _with_robots(run: CollectiveRun, template: JSONObject) -> JSONObject:
    """The template with the ConfigMaps of the run's own arms; this machine reads their files."""
    for model in () if run.platform.local else run.spec.robot_models:
        name, directory = f"robot-{model.name}", robot_directory(model.name)
        template = _with_config_map(template, name, model.config_map_name, directory)
    return template


def _with_config_map(template: JSONObject, name: str, config_map: str, directory: str) -> JSONObject:
    volume = {"name": name, "configMap": {"name": config_map}}
    mount = {"name": name, "mountPath": directory, "readOnly": True}
    container = {"name": CONTAINER, "volumeMounts": [mount]}
    return dict(merge(template, {"spec": {"volumes": [volume], "containers": [container]}}))
