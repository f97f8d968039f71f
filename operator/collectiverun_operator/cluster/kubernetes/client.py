"""How the operator reaches the API server: as a Pod of the cluster, or with a kubeconfig."""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import (
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)

from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError, ClusterUnreachableError

USER_AGENT = "collectiverun-operator"
KUBECONFIG_VARIABLE = "KUBECONFIG"
SERVICE_VARIABLE = "KUBERNETES_SERVICE_HOST"
SERVICE_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
TOKEN_SECONDS = 60  # as client-go, for tokens that the kubelet rotates
_NAMESPACE = "default"  # as kubectl, where a context names none
CONNECTIONS = 32


async def connect(streams: int = 0) -> ApiClient:
    """A tested client of the cluster this process runs in, else of $KUBECONFIG or ~/.kube/config.

    `streams`: answers that never end, each of which takes a connection beside those of all other requests.
    Tokens are re-read from their files every minute. Raises ClusterUnreachableError with a sentence.
    """
    api = ApiClient(await _configuration(CONNECTIONS + streams))
    api.user_agent = USER_AGENT
    try:
        await KubernetesRequests(api).send("get", "/version")
    except ClusterError as error:
        await api.close()  # type: ignore[no-untyped-call]
        raise ClusterUnreachableError(f"{error}; {_hint(error)}", code=error.code) from error
    return api


def context_namespace() -> str:
    """The namespace of the kubeconfig's context, or of the Pod that this is; else `default`."""
    if SERVICE_VARIABLE in os.environ and SERVICE_TOKEN.exists():
        return SERVICE_TOKEN.with_name("namespace").read_text(encoding="utf-8").strip()
    if not _exists(_kubeconfig()):
        return _NAMESPACE
    try:
        _, active = list_kube_config_contexts(_kubeconfig())  # type: ignore[no-untyped-call]
    except Exception:  # whoever connects is told what is wrong with the file
        return _NAMESPACE
    return str(active["context"].get("namespace") or _NAMESPACE)


def _exists(path: str) -> bool:
    """Whether there is any of the files that a KUBECONFIG names."""
    return any(Path(part).exists() for part in path.split(os.pathsep))


def _kubeconfig() -> str:
    return os.environ.get(KUBECONFIG_VARIABLE) or str(Path("~/.kube/config").expanduser())


async def _configuration(connections: int) -> Configuration:
    configuration = Configuration()
    configuration.connection_pool_maxsize = connections
    if SERVICE_VARIABLE in os.environ and SERVICE_TOKEN.exists():
        try:
            load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        except (ConfigException, OSError) as error:
            text = f"the service account's token and certificate can't be read: {error}"
            raise ClusterUnreachableError(f"{text}; mount them into the Pod") from error
    else:
        await _use_kubeconfig(configuration)
    _settle_environment(configuration)
    return configuration


def _settle_environment(configuration: Configuration) -> None:
    """Read the environment's proxy once: aiohttp would do so, and read ~/.netrc, for every request."""
    configuration.client_session_kwargs = {"trust_env": False}
    if configuration.proxy is None and not proxy_bypass(urlsplit(configuration.host).netloc):
        configuration.proxy = getproxies().get(urlsplit(configuration.host).scheme)


async def _use_kubeconfig(configuration: Configuration) -> None:
    """Load the kubeconfig, now and whenever its tokens may have been rotated."""
    path = _kubeconfig()
    await _load_kubeconfig(path, configuration)
    loaded_at = time.monotonic()

    async def refresh(current: Configuration) -> None:
        nonlocal loaded_at
        if time.monotonic() - loaded_at >= TOKEN_SECONDS:
            loaded_at = time.monotonic()
            await _load_kubeconfig(path, current)

    configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]


async def _load_kubeconfig(path: str, configuration: Configuration) -> None:
    hint = f"set {KUBECONFIG_VARIABLE} to a kubeconfig file, or start the operator as a Pod of the cluster"
    if not _exists(path):
        raise ClusterUnreachableError(f"there is no kubeconfig at {path}; {hint}")
    try:
        await load_kube_config(path, client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call]
    except Exception as error:  # the library may raise anything for a malformed file
        why = " ".join(str(error).split())  # YAML's own is several lines
        raise ClusterUnreachableError(f"the kubeconfig {path} can't be read: {why}; {hint}") from error


def _hint(error: ClusterError) -> str:
    if error.code in (401, 403):
        return "check the token or certificate in the kubeconfig or the service account"
    return "check that it runs, and the address and certificates in the kubeconfig"
