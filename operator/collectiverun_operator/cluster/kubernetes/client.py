"""How the operator reaches the API server: as a Pod of the cluster, or with a kubeconfig."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import (
    ConfigException,
    load_incluster_config,
    load_kube_config,
)
from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger

from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError, ClusterUnreachableError

USER_AGENT = "collectiverun-operator"
KUBECONFIG_VARIABLE = "KUBECONFIG"
SERVICE_VARIABLE = "KUBERNETES_SERVICE_HOST"
SERVICE_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
TOKEN_SECONDS = 60  # as client-go, for tokens that the kubelet rotates
_NAMESPACE = "default"  # as kubectl, where a context names none
CONNECTIONS = 32


@dataclass(frozen=True)
class Kubeconfig:
    """What is chosen by hand, as by kubectl's --kubeconfig and --context; else the environment's."""

    path: str | None = None
    context: str | None = None

    @property
    def files(self) -> str:
        """The path, else those of the environment."""
        return self.path or os.environ.get(KUBECONFIG_VARIABLE) or str(Path("~/.kube/config").expanduser())

    @property
    def is_in_a_pod(self) -> bool:
        """Whether this process is a Pod of the cluster that is meant."""
        return self == Kubeconfig() and SERVICE_VARIABLE in os.environ and SERVICE_TOKEN.exists()


OF_THE_ENVIRONMENT: Final = Kubeconfig()


async def connect(streams: int = 0, chosen: Kubeconfig = OF_THE_ENVIRONMENT) -> ApiClient:
    """A tested client of the cluster this process runs in, else of $KUBECONFIG or ~/.kube/config.

    `streams`: answers that never end, each of which takes a connection beside those of all other requests;
    `chosen`: another kubeconfig or context.
    Tokens are re-read from their files every minute. Raises ClusterUnreachableError with a sentence.
    """
    api = ApiClient(await _configuration(CONNECTIONS + streams, chosen))
    api.user_agent = USER_AGENT
    try:
        await KubernetesRequests(api).send("get", "/version")
    except ClusterError as error:
        await api.close()  # type: ignore[no-untyped-call]
        raise ClusterUnreachableError(f"{error}; {_hint(error)}", code=error.code) from error
    return api


def context_namespace(chosen: Kubeconfig) -> str:
    """The namespace of the kubeconfig's context, or of the Pod that this is; else `default`."""
    if chosen.is_in_a_pod:
        return SERVICE_TOKEN.with_name("namespace").read_text(encoding="utf-8").strip()
    if not _exists(chosen.files):
        return _NAMESPACE
    try:
        merged = KubeConfigMerger(chosen.files).config  # type: ignore[no-untyped-call]
        active = KubeConfigLoader(merged, active_context=chosen.context).current_context  # type: ignore[no-untyped-call]
    except Exception:  # whoever connects is told what is wrong with the file
        return _NAMESPACE
    return str(active["context"].get("namespace") or _NAMESPACE)


def _contexts(path: str) -> list[str]:
    """Names of a kubeconfig's contexts; none of one that can't be read."""
    try:
        return [context["name"] for context in KubeConfigMerger(path).config["contexts"].value]  # type: ignore[no-untyped-call]
    except Exception:  # as for a whole file, the library may raise anything
        return []


def _exists(path: str) -> bool:
    """Whether there is any of the files that a KUBECONFIG names."""
    return any(Path(part).exists() for part in path.split(os.pathsep))


async def _configuration(connections: int, chosen: Kubeconfig) -> Configuration:
    configuration = Configuration()
    configuration.connection_pool_maxsize = connections
    if chosen.is_in_a_pod:
        try:
            load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        except (ConfigException, OSError) as error:
            text = f"the service account's token and certificate can't be read: {error}"
            raise ClusterUnreachableError(f"{text}; mount them into the Pod") from error
    else:
        await _use_kubeconfig(configuration, chosen)
    _settle_environment(configuration)
    return configuration


def _settle_environment(configuration: Configuration) -> None:
    """Read the environment's proxy once: aiohttp would do so, and read ~/.netrc, for every request."""
    configuration.client_session_kwargs = {"trust_env": False}
    if configuration.proxy is None and not proxy_bypass(urlsplit(configuration.host).netloc):
        configuration.proxy = getproxies().get(urlsplit(configuration.host).scheme)


async def _use_kubeconfig(configuration: Configuration, chosen: Kubeconfig) -> None:
    """Load the kubeconfig, now and whenever its tokens may have been rotated."""
    await _load_kubeconfig(chosen, configuration)
    loaded_at = time.monotonic()

    async def refresh(current: Configuration) -> None:
        nonlocal loaded_at
        if time.monotonic() - loaded_at >= TOKEN_SECONDS:
            loaded_at = time.monotonic()
            await _load_kubeconfig(chosen, current)

    configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]


async def _load_kubeconfig(chosen: Kubeconfig, configuration: Configuration) -> None:
    path = chosen.files
    hint = f"set {KUBECONFIG_VARIABLE} to a kubeconfig file, or run this in a Pod of the cluster"
    if not _exists(path):
        raise ClusterUnreachableError(f"there is no kubeconfig at {path}; {hint}")
    try:
        await load_kube_config(  # type: ignore[no-untyped-call]
            path, chosen.context, client_configuration=configuration, persist_config=False
        )
    except Exception as error:  # the library may raise anything for a malformed file
        if chosen.context is not None and chosen.context not in (names := _contexts(path)):
            text = f"the kubeconfig {path} has no context {chosen.context!r}"
            raise ClusterUnreachableError(f"{text}; it has {', '.join(names) or 'none'}") from error
        why = " ".join(str(error).split())  # YAML's own is several lines
        raise ClusterUnreachableError(f"the kubeconfig {path} can't be read: {why}; {hint}") from error


def _hint(error: ClusterError) -> str:
    if error.code in (401, 403):
        return "check the token or certificate in the kubeconfig or the service account"
    return "check that it runs, and the address and certificates in the kubeconfig"
