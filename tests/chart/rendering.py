"""The chart as `helm template` renders it: real Helm, no cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml
from testbed import JSONObject
from testbed.kubernetes.client_tools import run
from testbed.programs.helm import helm

REPOSITORY = Path(__file__).parents[2]
CHART = REPOSITORY / "charts" / "collectiverun-operator"
RELEASE = "ops"
NAMESPACE = "team-a"
NAME = "ops-collectiverun-operator"
CLUSTER_SCOPED = ("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")


def run_helm(*arguments: str) -> str:
    """What helm prints. Raises CommandError, such as for values that it does not take."""
    return run([str(helm()), *arguments], os.environ)


def helm_options(*settings: str) -> list[str]:
    """`settings` as behind --set, or whole options that begin with --."""
    return [setting if setting.startswith("--") else f"--set={setting}" for setting in settings]


def render(*settings: str, release: str = RELEASE, namespace: str = NAMESPACE) -> list[JSONObject]:
    """All objects, hooks too, with `helm_options`."""
    text = _rendered(settings, release, namespace)
    # The C loader: the resource definition alone takes the other one a second.
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


@cache
def _rendered(settings: tuple[str, ...], release: str, namespace: str) -> str:
    return run_helm("template", release, str(CHART), "--namespace", namespace, *helm_options(*settings))


def of_kind(objects: Sequence[JSONObject], kind: str) -> list[JSONObject]:
    """The objects of a kind, in the order rendered."""
    return [found for found in objects if found["kind"] == kind]


def the(objects: Sequence[JSONObject], kind: str, name: str = NAME) -> JSONObject:
    """The one object of a kind and name."""
    (found,) = [candidate for candidate in of_kind(objects, kind) if candidate["metadata"]["name"] == name]
    return found


def operator_container(objects: Sequence[JSONObject]) -> JSONObject:
    """The Deployment's only container."""
    (deployment,) = of_kind(objects, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)


def variables(objects: Sequence[JSONObject]) -> dict[str, str]:
    """The operator's environment, as its process will see it."""
    return {entry["name"]: entry.get("value", "") for entry in operator_container(objects)["env"]}
