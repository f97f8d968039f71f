"""What Kueue is made of on the API server: its namespace, its definitions, its webhooks, its own API."""

from __future__ import annotations

from pathlib import Path

import yaml

from testbed import JSONObject

API = "kueue.x-k8s.io/v1beta2"
VISIBILITY = "visibility.kueue.x-k8s.io/v1beta2"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"
NAMESPACE = "kueue-system"
SECRET = "kueue-webhook-server-cert"
_SERVICE = "kueue-webhook-service"
# Kinds whose two versions differ: the API server asks the manager to convert them.
_CONVERTED = ("localqueues", "clusterqueues", "cohorts", "workloads", "multikueueclusters")
# Webhooks of what is switched on. All others would answer 404, and that is a refusal.
_ANSWERED = ("kueue-x-k8s-io", "batch-v1-job")


def prerequisites() -> list[JSONObject]:
    """Its namespace, with the Secret that it fills, and a Service that leads to this machine."""
    service = {"type": "ExternalName", "externalName": "localhost"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _SERVICE, "namespace": NAMESPACE},
            "spec": service,
        },
    ]


def definitions(programs: Path, port: int) -> list[JSONObject]:
    """Its CRDs, converted by the manager where that is needed."""
    crds = [_read(path) for path in sorted((programs / "bases").iterdir())]
    for definition in crds:
        if definition["spec"]["names"]["plural"] in _CONVERTED:
            client = {"service": _service("/convert", port)}
            webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
            definition["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    return crds


def webhooks(programs: Path, port: int, authority: str) -> list[JSONObject]:
    """Those that the manager answers, by the names it knows them by; `authority` in base64."""
    text = (programs / "manifests.yaml").read_text()
    return [_webhooks(document, port, authority) for document in yaml.load_all(text, yaml.CSafeLoader)]


def visibility(port: int) -> JSONObject:
    """What is answered by the manager's other server: which Workloads wait in a queue, in their order."""
    group, version = VISIBILITY.split("/")
    spec = {
        "group": group,
        "version": version,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,  # as Kueue itself installs it: that certificate is of no authority
        "service": {"namespace": NAMESPACE, "name": _SERVICE, "port": port},
    }
    metadata = {"name": f"{version}.{group}"}
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": metadata,
        "spec": spec,
    }


def queued_job() -> JSONObject:
    """A Job for a queue that is nowhere."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "any", "image": "any"}]}}
    metadata = {"name": "dry-run", "namespace": "default", "labels": {QUEUE_LABEL: "nowhere"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}


def _webhooks(document: JSONObject, port: int, authority: str) -> JSONObject:
    kept = []
    for webhook in document["webhooks"]:
        path = webhook["clientConfig"]["service"]["path"]
        if any(name in path for name in _ANSWERED):
            client = {"service": _service(path, port), "caBundle": authority}
            kept.append(webhook | {"clientConfig": client})
    name = f"kueue-{document['metadata']['name']}"
    return document | {"metadata": {"name": name}, "webhooks": kept}


def _service(path: str, port: int) -> JSONObject:
    return {"namespace": NAMESPACE, "name": _SERVICE, "path": path, "port": port}


def _read(path: Path) -> JSONObject:
    document: JSONObject = yaml.load(path.read_text(), yaml.CSafeLoader)
    return document
