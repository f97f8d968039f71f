"""Command lines of the control plane's servers."""

from __future__ import annotations

from pathlib import Path

from testbed.kubernetes.certificates import FRONT_PROXY, Certificates

# What a run needs, and no more: idle controllers cost CPU on a small machine.
CONTROLLERS = (
    "bootstrapsigner",
    "clusterrole-aggregation",
    "deployment",
    "garbagecollector",
    "job",
    "namespace",
    "nodelifecycle",
    "podgc",
    "replicaset",
    "resourcequota",
    "root-ca-cert-publisher",
    "serviceaccount",
    "serviceaccount-token",
    "taint-eviction-controller",
    "ttl-after-finished",
)
# A lost node is noticed in half a minute here, and its Pods go soon after: while another node is well, for
# where all are lost a control plane takes that for its own fault. No sooner, because a kubelet on a busy
# machine may be silent for many seconds, and is not to lose its Pods for that.
_NODE_LOSS = {
    "node-monitor-period": "1s",
    "node-monitor-grace-period": "30s",
    "node-startup-grace-period": "60s",
    "node-eviction-rate": "10",
}
_TOLERATION_SECONDS = "3"


def etcd_flags(data: Path, client_url: str, peer_url: str) -> list[str]:
    """A database of one member."""
    return _flags(
        {
            "data-dir": data,
            "listen-client-urls": client_url,
            "advertise-client-urls": client_url,
            "listen-peer-urls": peer_url,
            "initial-advertise-peer-urls": peer_url,
            "initial-cluster": f"default={peer_url}",
            "logger": "zap",
            "log-level": "warn",
            "quota-backend-bytes": 4 << 30,
        }
    )


def api_server_flags(folder: Path, certificates: Certificates, etcd_url: str, url: str) -> list[str]:
    """The API server: static tokens, RBAC, an audit log."""
    address, port = url.removeprefix("https://").split(":")
    return _flags(
        {
            "etcd-servers": etcd_url,
            "bind-address": address,
            "advertise-address": address,
            "secure-port": port,
            "cert-dir": folder / "certificates",
            "tls-cert-file": certificates.serving,
            "tls-private-key-file": certificates.serving_key,
            "client-ca-file": certificates.authority,
            "kubelet-preferred-address-types": "InternalIP",
            "token-auth-file": folder / "tokens.csv",
            "authorization-mode": "Node,RBAC",
            "anonymous-auth": "false",
            "service-cluster-ip-range": "10.0.0.0/24",
            "service-account-key-file": certificates.service_account_public_key,
            "service-account-signing-key-file": certificates.service_account_key,
            "service-account-issuer": f"{url}/",
            **_front_proxy(certificates),
            "endpoint-reconciler-type": "none",
            "allow-privileged": "true",
            # Without it a node is of use the moment it registers.
            "disable-admission-plugins": "TaintNodesByCondition,StorageObjectInUseProtection",
            "enable-priority-and-fairness": "false",
            "max-requests-inflight": 3000,
            "max-mutating-requests-inflight": 1500,
            "default-not-ready-toleration-seconds": _TOLERATION_SECONDS,
            "default-unreachable-toleration-seconds": _TOLERATION_SECONDS,
            "audit-policy-file": folder / "audit-policy.json",
            "audit-log-path": folder / "audit.log",
            "audit-log-maxsize": 1000,
        }
    )


def _front_proxy(certificates: Certificates) -> dict[str, object]:
    """How the API server hands on what another server answers, such as Kueue's, and says for whom."""
    return {
        "proxy-client-cert-file": certificates.proxy,
        "proxy-client-key-file": certificates.proxy_key,
        "requestheader-client-ca-file": certificates.proxy_authority,
        "requestheader-allowed-names": FRONT_PROXY,
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
    }


def controller_manager_flags(kubeconfig: Path, certificates: Certificates, port: int) -> list[str]:
    """The controllers a run meets: Jobs, garbage collection, node loss, time to live, Deployments."""
    return _flags(
        {
            **_component(kubeconfig, port),
            "service-account-private-key-file": certificates.service_account_key,
            "root-ca-file": certificates.authority,
            "use-service-account-credentials": "false",
            "controllers": ",".join(CONTROLLERS),
            "concurrent-gc-syncs": 20,
            **_NODE_LOSS,
        }
    )


def scheduler_flags(kubeconfig: Path, port: int) -> list[str]:
    """The scheduler: what does not fit is really Unschedulable."""
    return _flags(_component(kubeconfig, port))


def _component(kubeconfig: Path, port: int) -> dict[str, object]:
    return {
        "kubeconfig": kubeconfig,
        "leader-elect": "false",
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "cert-dir": kubeconfig.parent / f"certificates-{kubeconfig.stem}",
        "authentication-skip-lookup": "true",
        "kube-api-qps": 500,
        "kube-api-burst": 1000,
    }


def _flags(options: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]
