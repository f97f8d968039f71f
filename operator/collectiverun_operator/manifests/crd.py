"""The CustomResourceDefinition: names, columns and the schema of a CollectiveRun."""

from __future__ import annotations

from collectiverun_operator.api.labels import GROUP
from collectiverun_operator.api.run import API_VERSION, KIND, NAME_LIMIT
from collectiverun_operator.api.spec import Spec
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.manifests.consistency_rules import consistency_rules
from collectiverun_operator.manifests.immutability_rules import immutability_rules
from collectiverun_operator.manifests.list_types import with_list_types
from collectiverun_operator.manifests.rules import with_rules
from collectiverun_operator.manifests.structural_schema import structural_schema

PLURAL = "collectiveruns"
NAME = f"{PLURAL}.{GROUP}"
NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"

_DESCRIPTION = (
    "A CollectiveRun trains one expert per Meta-World task, distils all of them into one collective network,"
    " and measures what was learned. Each phase runs as Kubernetes Jobs and publishes its artifacts in object"
    " storage."
)
_WIDE = 1
_ACCEPTED = '.status.conditions[?(@.type=="Accepted")].reason'


def custom_resource_definition() -> JSONObject:
    """The whole definition, as it is applied."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["crun"],
                "categories": ["collective"],
            },
            "versions": [_version()],
        },
    }


def run_schema() -> JSONObject:
    """The schema of a CollectiveRun, with its rules."""
    schema = with_list_types(_fields())
    return with_rules(schema, {"": immutability_rules(schema["properties"]["spec"]), **consistency_rules()})


def _fields() -> JSONObject:
    return {
        "type": "object",
        "description": _DESCRIPTION,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {API_VERSION}.", "maxLength": 64},
            "kind": {"type": "string", "description": f"Always {KIND}.", "maxLength": 64},
            "metadata": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": NAME_LIMIT, "pattern": NAME_PATTERN},
                },
            },
            "spec": structural_schema(Spec, with_defaults=True),
            "status": _status_schema(),
        },
    }


def _status_schema() -> JSONObject:
    schema = structural_schema(RunStatus, with_defaults=False)
    # A run that is rejected before it ever began has conditions, and nothing that a beginning settles.
    schema.pop("required", None)
    return schema


def _version() -> JSONObject:
    return {
        "name": API_VERSION.rsplit("/", 1)[-1],
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": _columns(),
        "schema": {"openAPIV3Schema": run_schema()},
    }


def _columns() -> list[JSONObject]:
    return [
        _column("State", ".status.state", "What the run does now, in one word."),
        _column("Phase", ".status.currentPhase", "The phase under way."),
        _column("Progress", ".status.progress", "Members that succeeded, of all members of all phases."),
        _column("Success", ".status.successRate", "Success rate of the best network so far."),
        _column("ETA", ".status.eta", "Time left in the current phase."),
        _column("Age", ".metadata.creationTimestamp", "Time since the run was created.", type_="date"),
        _column("Accepted", _ACCEPTED, "Validated, or what is wrong with the spec.", priority=_WIDE),
        _column("Suspend", ".spec.suspend", "Whether it is to stop.", type_="boolean", priority=_WIDE),
        _column("Retries", ".status.retries", "Retries so far.", type_="integer", priority=_WIDE),
        _column(
            "Position",
            ".status.queuePosition",
            "In its queue, 1 for the next.",
            type_="integer",
            priority=_WIDE,
        ),
        _column("Reason", ".status.lastFailure.reason", "Why an attempt failed last.", priority=_WIDE),
        _column("Storage", ".status.resolved.storageRoot", "Folder of its artifacts.", priority=_WIDE),
        _column("Report", ".status.report", "Its report, once there is one.", priority=_WIDE),
    ]


def _column(
    name: str, path: str, description: str, *, type_: str = "string", priority: int = 0
) -> JSONObject:
    column = {"name": name, "type": type_, "description": description, "jsonPath": path}
    return column | ({"priority": priority} if priority else {})
