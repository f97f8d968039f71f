"""Reaching the API server: as a Pod, with a kubeconfig, with a renewed token; and what is said if not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kubernetes.aio.config import incluster_config
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubernetes.certificates import Certificates
from testbed.kubernetes.kubeconfig import write_kubeconfig

from collectiverun_operator.cluster.kubernetes import client as kubernetes_client
from collectiverun_operator.cluster.kubernetes.client import connect
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError, ClusterUnreachableError

NAMESPACES = "/api/v1/namespaces"


def use(monkeypatch, path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(path))


def kubeconfig(cluster: SmallCluster, folder: Path, *, token="", token_file="", url="") -> Path:
    """The administrator's kubeconfig with something else in it."""
    text = cluster.kubeconfig.read_text()
    path = folder / "kubeconfig"
    if token_file:
        text = text.replace(f'"token": "{cluster.control_plane.admin_token}"', f'"tokenFile": "{token_file}"')
        assert token_file in text
    path.write_text(text.replace(cluster.control_plane.url, url) if url else text)
    if token:
        path.write_text(text.replace(cluster.control_plane.admin_token, token))
    return path


async def count_namespaces(requests: KubernetesRequests) -> int:
    return len((await requests.send("list", NAMESPACES))["items"])


async def look() -> int:
    api = await connect()
    try:
        return await count_namespaces(KubernetesRequests(api))
    finally:
        await api.close()


def refusal() -> str:
    with pytest.raises(ClusterUnreachableError) as caught:
        asyncio.run(look())
    return str(caught.value)


def test_a_kubeconfig_is_found_by_its_variable(small_cluster, monkeypatch):
    use(monkeypatch, small_cluster.kubeconfig)
    assert asyncio.run(look()) >= 4


async def proxy() -> str | None:
    api = await connect()
    try:
        return api.configuration.proxy
    finally:
        await api.close()


def test_the_environments_proxy_is_used_unless_the_server_is_excepted(small_cluster, monkeypatch):
    use(monkeypatch, small_cluster.kubeconfig)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert "127.0.0.1:9" in refusal()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert asyncio.run(proxy()) is None


def test_as_a_pod_the_service_accounts_token_is_used(small_cluster, monkeypatch, tmp_path):
    token = tmp_path / "token"
    token.write_text(small_cluster.control_plane.admin_token)
    host, port = small_cluster.control_plane.url.removeprefix("https://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    use(monkeypatch, tmp_path / "nothing")
    monkeypatch.setattr(kubernetes_client, "SERVICE_TOKEN", token)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    authority = str(small_cluster.control_plane.certificates.authority)
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", authority)
    assert asyncio.run(look()) >= 4


def test_a_token_that_was_renewed_in_its_file_is_used_from_then_on(small_cluster, monkeypatch, tmp_path):
    token = tmp_path / "token"
    token.write_text(small_cluster.control_plane.admin_token)
    use(monkeypatch, kubeconfig(small_cluster, tmp_path, token_file=str(token)))
    monkeypatch.setattr(kubernetes_client, "TOKEN_SECONDS", 0)

    async def scene():
        api = await connect()
        requests = KubernetesRequests(api)
        await count_namespaces(requests)
        token.write_text("expired")
        with pytest.raises(ClusterError) as caught:
            await count_namespaces(requests)
        token.write_text(small_cluster.control_plane.admin_token)
        await count_namespaces(requests)
        await api.close()
        return caught.value.code

    assert asyncio.run(scene()) == 401


def test_a_kubeconfig_that_is_not_there_is_told_with_its_path(monkeypatch, tmp_path):
    use(monkeypatch, tmp_path / "missing")
    said = refusal()
    assert str(tmp_path / "missing") in said
    assert "KUBECONFIG" in said


@pytest.mark.parametrize("content", ["", "nonsense: [", "a: b", "clusters: 1"])
def test_a_kubeconfig_that_can_not_be_read_is_told(monkeypatch, tmp_path, content):
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    use(monkeypatch, path)
    said = refusal()
    assert str(path) in said
    assert "KUBECONFIG" in said


def test_a_server_that_does_not_answer_is_told_with_its_address(small_cluster, monkeypatch, tmp_path):
    use(monkeypatch, kubeconfig(small_cluster, tmp_path, url="https://127.0.0.1:1"))
    said = refusal()
    assert "https://127.0.0.1:1" in said
    assert "check that it runs" in said


def test_a_token_that_is_refused_is_told(small_cluster, monkeypatch, tmp_path):
    use(monkeypatch, kubeconfig(small_cluster, tmp_path, token="wrong"))
    said = refusal()
    assert "401" in said
    assert "check the token" in said


def test_an_authority_that_is_not_the_servers_is_told(small_cluster, monkeypatch, tmp_path):
    other = tmp_path / "kubeconfig"
    control_plane = small_cluster.control_plane
    authority = Certificates(tmp_path / "other")
    authority.make(("127.0.0.1",))
    write_kubeconfig(other, control_plane.url, authority.authority, control_plane.admin_token)
    use(monkeypatch, other)
    said = refusal()
    assert "certificate" in said.lower()
