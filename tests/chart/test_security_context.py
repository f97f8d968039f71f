"""Every Pod of the chart satisfies Pod Security level restricted, field by field."""

import pytest
from chart.rendering import of_kind, render

FORBIDDEN_IN_POD = ("hostNetwork", "hostPID", "hostIPC", "hostUsers")
VOLUME_TYPES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"} | {
    "projected",
    "secret",
}


def pods():
    objects = render()
    (deployment,) = of_kind(objects, "Deployment")
    (tester,) = of_kind(objects, "Pod")
    return {"operator": deployment["spec"]["template"]["spec"], "helm test": tester["spec"]}


@pytest.fixture(params=["operator", "helm test"])
def pod(request):
    return pods()[request.param]


def test_the_pod_shares_nothing_of_its_host(pod):
    assert all(field not in pod for field in FORBIDDEN_IN_POD)
    for volume in pod.get("volumes", []):
        assert set(volume) - {"name"} <= VOLUME_TYPES
    for container in pod["containers"]:
        assert all("hostPort" not in port for port in container.get("ports", []))


def test_it_runs_as_somebody_else_than_root_under_the_runtimes_seccomp_profile(pod):
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_no_container_gains_privileges_or_writes_to_its_image(pod):
    assert "initContainers" not in pod
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_memory_is_bounded(pod):
    for container in pod["containers"]:
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["memory"]


def test_only_the_operator_gets_a_token():
    found = pods()
    assert found["operator"]["automountServiceAccountToken"] is True
    assert found["helm test"]["automountServiceAccountToken"] is False
    (account,) = of_kind(render(), "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
