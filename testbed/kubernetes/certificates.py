"""Keys and certificates of a control plane on this machine, made by openssl."""

from __future__ import annotations

import os
from pathlib import Path

from testbed.kubernetes.client_tools import run

_EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_DAYS = "3650"
FRONT_PROXY = "front-proxy"
_SERVICE_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


class Certificates:
    """Files in `folder`: an authority, a serving certificate, the key that signs service account tokens.

    By a certificate of another authority, the front proxy's, the API server is known to the servers to which
    it hands on requests.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "ca.crt"
        self.serving, self.serving_key = folder / "serving.crt", folder / "serving.key"
        self.service_account_key = folder / "service-account.key"
        self.service_account_public_key = folder / "service-account.pub"
        self.proxy_authority = folder / "front-proxy-ca.crt"
        self.proxy, self.proxy_key = folder / "front-proxy.crt", folder / "front-proxy.key"

    def make(self, addresses: tuple[str, ...] = ("127.0.0.1",)) -> None:
        """Write all of them; `addresses` are the IPs the serving certificate is good for."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_authority(self.authority, "collectiverun-testbed")
        _make_authority(self.proxy_authority, "collectiverun-testbed-front-proxy")
        self._make_serving(addresses)
        extensions = "extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n"
        _make_signed(self.proxy, FRONT_PROXY, extensions, self.proxy_authority)
        key = self.service_account_key
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        _openssl("pkey", "-in", key, "-pubout", "-out", self.service_account_public_key)

    def _make_serving(self, addresses: tuple[str, ...]) -> None:
        names = [f"IP:{address}" for address in addresses] + [f"DNS:{name}" for name in _SERVICE_NAMES]
        extensions = (
            f"subjectAltName={','.join(names)}\n"
            "extendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n"
            "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
        )
        _make_signed(self.serving, "server", extensions, self.authority)


def _make_authority(certificate: Path, name: str) -> None:
    extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    added = [word for extension in extensions for word in ("-addext", extension)]
    subject = ("-subj", f"/CN={name}", "-days", _DAYS)
    files = ("-keyout", certificate.with_suffix(".key"), "-out", certificate)
    _openssl("req", "-x509", *_EC_KEY, *subject, *added, *files)


def _make_signed(certificate: Path, name: str, extensions: str, authority: Path) -> None:
    """A key and its certificate, beside each other."""
    request, wanted = certificate.with_suffix(".csr"), certificate.with_suffix(".ext")
    _openssl(
        "req", *_EC_KEY, "-subj", f"/CN={name}", "-keyout", certificate.with_suffix(".key"), "-out", request
    )
    wanted.write_text(extensions)
    signer = ("-CA", authority, "-CAkey", authority.with_suffix(".key"), "-CAcreateserial")
    signing = ("x509", "-req", "-in", request, *signer, "-days", _DAYS, "-extfile", wanted)
    _openssl(*signing, "-out", certificate)


def _openssl(*arguments: str | Path) -> None:
    try:
        run(["openssl", *map(str, arguments)], os.environ)
    except FileNotFoundError:
        raise RuntimeError("openssl is missing: install it (on Debian: apt-get install openssl)") from None
