"""Keys and certificates of a control plane on this machine, made by openssl."""

from __future__ import annotations

import os
from pathlib import Path

from testbed.kubernetes.client_tools import run

_EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_DAYS = "3650"
_SERVICE_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


class Certificates:
    """Files in `folder`: an authority, a serving certificate, the key that signs service account tokens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "ca.crt"
        self.serving, self.serving_key = folder / "serving.crt", folder / "serving.key"
        self.service_account_key = folder / "service-account.key"
        self.service_account_public_key = folder / "service-account.pub"

    def make(self, addresses: tuple[str, ...] = ("127.0.0.1",)) -> None:
        """Write all of them; `addresses` are the IPs the serving certificate is good for."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_authority()
        self._make_serving(addresses)
        key = self.service_account_key
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        _openssl("pkey", "-in", key, "-pubout", "-out", self.service_account_public_key)

    def _make_authority(self) -> None:
        extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
        added = [word for extension in extensions for word in ("-addext", extension)]
        subject = ("-subj", "/CN=collectiverun-testbed", "-days", _DAYS)
        files = ("-keyout", self.folder / "ca.key", "-out", self.authority)
        _openssl("req", "-x509", *_EC_KEY, *subject, *added, *files)

    def _make_serving(self, addresses: tuple[str, ...]) -> None:
        request, extensions = self.folder / "serving.csr", self.folder / "serving.ext"
        _openssl("req", *_EC_KEY, "-subj", "/CN=server", "-keyout", self.serving_key, "-out", request)
        names = [f"IP:{address}" for address in addresses] + [f"DNS:{name}" for name in _SERVICE_NAMES]
        extensions.write_text(
            f"subjectAltName={','.join(names)}\n"
            "extendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n"
            "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
        )
        signer = ("-CA", self.authority, "-CAkey", self.folder / "ca.key", "-CAcreateserial")
        signing = ("x509", "-req", "-in", request, *signer, "-days", _DAYS, "-extfile", extensions)
        _openssl(*signing, "-out", self.serving)


def _openssl(*arguments: str | Path) -> None:
    try:
        run(["openssl", *map(str, arguments)], os.environ)
    except FileNotFoundError:
        raise RuntimeError("openssl is missing: install it (on Debian: apt-get install openssl)") from None
