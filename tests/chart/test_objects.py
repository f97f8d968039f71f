"""What the chart makes: names, labels, and that each object finds the other."""

import json
import re

import pytest
from chart.rendering import (
    CHART,
    CLUSTER_SCOPED,
    NAME,
    NAMESPACE,
    of_kind,
    operator_container,
    render,
    run_helm,
    the,
    variables,
)

CRD = "CustomResourceDefinition"
NO_CLUSTER_RIGHTS = ("watchNamespaces={team-a}", "crd.install=false", "userRoles.create=false")


def identity(found):
    return found["kind"], found["metadata"].get("namespace"), found["metadata"]["name"]


def test_lint_has_no_warnings():
    assert "0 chart(s) failed" in run_helm("lint", str(CHART), "--strict")


def test_names_follow_the_release_and_do_not_stutter():
    assert the(render(), "Deployment")["metadata"]["name"] == NAME
    assert the(render(release="collectiverun-operator"), "Deployment", "collectiverun-operator")
    assert the(render(release="collectiverun"), "Deployment", "collectiverun-operator")
    assert the(render("fullnameOverride=conductor"), "Deployment", "conductor")
    assert the(render("nameOverride=conductor"), "Deployment", "ops-conductor")


@pytest.mark.parametrize("release", ["r" * 53, f"{'r' * 51}-x", "team.rl"])
def test_any_release_name_gives_valid_names(release):
    objects = render("dashboards.enabled=true", "serviceMonitor.enabled=true", release=release)
    for found in objects:
        limit = 253 if found["kind"] in CLUSTER_SCOPED else 63
        assert len(found["metadata"]["name"]) <= limit
        assert re.fullmatch(r"[a-z0-9:-]*[a-z0-9]", found["metadata"]["name"]) or found["kind"] == CRD
        assert all(len(value) <= 63 for value in found["metadata"].get("labels", {}).values())


def test_every_object_carries_the_recommended_labels():
    for found in render("dashboards.enabled=true", "serviceMonitor.enabled=true", "crd.install=false"):
        labels = found["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "collectiverun-operator"
        assert labels["app.kubernetes.io/instance"] == "ops"
        assert labels["app.kubernetes.io/part-of"] == "collectiverun"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert {"app.kubernetes.io/version", "app.kubernetes.io/component", "helm.sh/chart"} <= set(labels)


def test_every_object_is_in_the_release_namespace_or_a_watched_one():
    objects = render("watchNamespaces={one,two}", "dashboards.enabled=true", "serviceMonitor.enabled=true")
    for found in objects:
        if found["kind"] in CLUSTER_SCOPED:
            continue
        expected = {"one", "two"} if found["kind"] in ("Role", "RoleBinding", "Lease") else {NAMESPACE}
        assert found["metadata"]["namespace"] in expected


def test_one_release_name_in_two_namespaces_makes_no_object_twice():
    ours = {identity(found) for found in render("crd.install=false")}
    theirs = {identity(found) for found in render("crd.install=false", namespace="team-b")}
    assert ours.isdisjoint(theirs)


def test_two_releases_in_one_namespace_make_no_object_twice():
    ours = {identity(found) for found in render("crd.install=false")}
    theirs = {identity(found) for found in render("crd.install=false", release="other")}
    assert ours.isdisjoint(theirs)


def test_a_namespaced_release_can_do_without_any_cluster_scoped_object():
    kinds = {found["kind"] for found in render(*NO_CLUSTER_RIGHTS)}
    assert kinds.isdisjoint(CLUSTER_SCOPED)


def test_the_service_and_its_monitor_find_the_operator_and_not_the_test_pod():
    objects = render("serviceMonitor.enabled=true")
    service, monitor = the(objects, "Service"), the(objects, "ServiceMonitor")
    operator = the(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    (tester,) = of_kind(objects, "Pod")
    assert service["spec"]["selector"].items() <= operator.items()
    assert not service["spec"]["selector"].items() <= tester["metadata"]["labels"].items()
    assert the(objects, "Deployment")["spec"]["selector"]["matchLabels"].items() <= operator.items()
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["namespaceSelector"]["matchNames"] == [service["metadata"]["namespace"]]
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_service_and_probes_follow_the_ports():
    objects = render("healthPort=8181", "metricsPort=9191")
    container = operator_container(objects)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"health": 8181, "metrics": 9191}
    assert {port["name"]: port["port"] for port in the(objects, "Service")["spec"]["ports"]} == ports
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": "health"}
    settings = variables(objects)
    assert (settings["COLLECTIVERUN_HEALTH_PORT"], settings["COLLECTIVERUN_METRICS_PORT"]) == ("8181", "9191")


def test_the_operator_is_alone_and_goes_before_its_successor_comes():
    spec = the(render(), "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_images_default_to_the_version_of_the_chart_and_can_be_pinned():
    objects = render()
    assert operator_container(objects)["image"] == "collectiverun-operator:0.1.0"
    assert variables(objects)["COLLECTIVERUN_IMAGE"] == "collectiverun-trainer:0.1.0"
    pinned = render("operator.image=registry/op@sha256:12", "trainer.image=registry/train:2")
    assert operator_container(pinned)["image"] == "registry/op@sha256:12"
    assert variables(pinned)["COLLECTIVERUN_IMAGE"] == "registry/train:2"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ((), {"limits": {"nvidia.com/gpu": 1}, "requests": {"cpu": 4, "memory": "8Gi"}}),
        (("defaultResources.limits=null",), {"requests": {"cpu": 4, "memory": "8Gi"}}),
        (("defaultResources=null",), {}),
        (
            ("defaultResources.limits=null", "defaultResources.requests.cpu=2"),
            {"requests": {"cpu": 2, "memory": "8Gi"}},
        ),
        (
            ("defaultResources.requests.memory=4Gi",),
            {"limits": {"nvidia.com/gpu": 1}, "requests": {"cpu": 4, "memory": "4Gi"}},
        ),
    ],
)
def test_default_resources_reach_the_operator_as_json(settings, expected):
    assert json.loads(variables(render(*settings))["COLLECTIVERUN_DEFAULT_RESOURCES"]) == expected


@pytest.mark.parametrize(
    ("watched", "lease_namespace"),
    [("", NAMESPACE), ("{one,team-a}", NAMESPACE), ("{one,two}", "one")],
)
def test_the_canary_lease_lies_where_the_operator_watches(watched, lease_namespace):
    objects = render(*([f"watchNamespaces={watched}"] if watched else []))
    assert the(objects, "Lease")["metadata"]["namespace"] == lease_namespace
    settings = variables(objects)
    assert settings["COLLECTIVERUN_NAMESPACES"] == watched.strip("{}")
    assert settings["COLLECTIVERUN_LEASE_NAMESPACE"] == lease_namespace
    assert settings["COLLECTIVERUN_LEASE_NAME"] == NAME


def test_what_a_pod_may_be_given_arrives_there():
    objects = render(
        "nodeSelector.disk=ssd",
        "tolerations[0].key=dedicated,tolerations[0].operator=Exists",
        "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey=zone",
        "priorityClassName=system",
        "imagePullSecrets[0].name=registry",
        "podLabels.team=rl",
        "podAnnotations.note=hello",
        "resources.limits.memory=1Gi",
        "extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy",
        "logFormat=text",
        "pacing.workers=3",
    )
    template = the(objects, "Deployment")["spec"]["template"]
    assert template["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert template["spec"]["tolerations"] == [{"key": "dedicated", "operator": "Exists"}]
    assert "podAntiAffinity" in template["spec"]["affinity"]
    assert template["spec"]["priorityClassName"] == "system"
    assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert template["metadata"]["labels"]["team"] == "rl"
    assert template["metadata"]["annotations"] == {"note": "hello"}
    assert operator_container(objects)["resources"]["limits"] == {"memory": "1Gi"}
    settings = variables(objects)
    assert settings["HTTPS_PROXY"] == "http://proxy"
    assert (settings["COLLECTIVERUN_LOG_FORMAT"], settings["COLLECTIVERUN_WORKERS"]) == ("text", "3")


def test_optional_objects_are_absent_unless_asked_for():
    kinds = {found["kind"] for found in render()}
    assert kinds.isdisjoint({"ServiceMonitor", "ConfigMap"})
    assert not of_kind(render("serviceAccount.create=false"), "ServiceAccount")


def test_a_service_account_of_ones_own_is_used_and_bound():
    objects = render("serviceAccount.create=false", "serviceAccount.name=mine")
    assert the(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "mine"
    for binding in of_kind(objects, "ClusterRoleBinding") + of_kind(objects, "RoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "mine", "namespace": NAMESPACE}]


def test_helm_test_asks_the_operator_for_its_health():
    (pod,) = of_kind(render(), "Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    (container,) = pod["spec"]["containers"]
    assert container["args"][-1] == f"http://{NAME}.{NAMESPACE}.svc:8080/healthz"
    (elsewhere,) = of_kind(render("tests.host=10.0.0.9", "healthPort=8081"), "Pod")
    assert elsewhere["spec"]["containers"][0]["args"][-1] == "http://10.0.0.9:8081/healthz"


POLICIES = ("networkPolicy.enabled=true", "podDisruptionBudget.enabled=true", "watchNamespaces={one,two}")


def operator_pod_labels(objects):
    return the(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]


def test_policies_are_there_if_asked_for_and_about_the_operators_pod():
    assert not of_kind(render(), "NetworkPolicy") + of_kind(render(), "PodDisruptionBudget")
    objects = render(*POLICIES)
    (budget,) = of_kind(objects, "PodDisruptionBudget")
    policy = the(objects, "NetworkPolicy")
    assert budget["spec"]["selector"]["matchLabels"].items() <= operator_pod_labels(objects).items()
    assert budget["spec"]["selector"] == policy["spec"]["podSelector"]


def test_the_operator_reaches_dns_and_the_api_server_and_is_reached_on_its_ports():
    objects = render(*POLICIES, "networkPolicy.apiServerPorts={16443}")
    spec = the(objects, "NetworkPolicy")["spec"]
    named = {port["name"] for port in operator_container(objects)["ports"]}
    assert {entry["port"] for rule in spec["ingress"] for entry in rule["ports"]} == named
    assert {entry["port"] for rule in spec["egress"] for entry in rule["ports"]} == {53, 16443}


def test_trainers_are_reached_by_nobody_where_the_namespaces_are_known():
    objects = render(*POLICIES)
    found = [
        policy for policy in of_kind(objects, "NetworkPolicy") if "trainers" in policy["metadata"]["name"]
    ]
    assert {policy["metadata"]["namespace"] for policy in found} == {"one", "two"}
    for policy in found:
        assert policy["spec"]["policyTypes"] == ["Ingress"]
        assert "ingress" not in policy["spec"]
