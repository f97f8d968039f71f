"""A real S3 server on this machine: SeaweedFS, from its wheel on PyPI. For the tests, and to try a run on S3:

eval "$(python -m testbed.object_store start FOLDER)"  # exports AWS_*
collectiverun run -f run.yaml                          # s3://collectiverun/…
python -m testbed.object_store stop FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shlex
import shutil
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Self

import botocore.session
import s3fs
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from testbed.kubernetes.certificates import Certificates
from testbed.processes.daemon import Daemon
from testbed.processes.left_running import servers_in, stop_all
from testbed.processes.ports import free_ports

BUCKET = "collectiverun"
REGION = "us-east-1"
_STOP_LIMIT_SECONDS = 30.0
_PORTS = ("master.port", "volume.port", "filer.port", "s3.port", "admin.port")
_GRPC_OFFSET = 10_000  # the server's gRPC ports lie this far above its others


class ObjectStore(Daemon):
    """One server; its data lie in `folder`, so that one killed and started again has what was written.

    With `certificates` it speaks TLS only. Keys and ports are those that `save` left in the folder, else new.
    """

    def __init__(
        self,
        folder: Path,
        address: str = "127.0.0.1",
        certificates: Certificates | None = None,
        outlive: bool = False,
    ) -> None:
        self._folder = folder
        self._address = address
        self.certificates = certificates
        saved = json.loads(self._state.read_text()) if self._state.exists() else {}
        self.access_key: str = saved.get("accessKey") or secrets.token_hex(10)
        self.secret_key: str = saved.get("secretKey") or secrets.token_hex(20)
        self._ports: dict[str, int] = saved.get("ports") or _free_ports()
        super().__init__("object-store", self._command(), folder, os.environ | self.environment, outlive)

    @property
    def endpoint(self) -> str:
        """URL of the S3 interface."""
        scheme = "https" if self.certificates else "http"
        return f"{scheme}://{self._address}:{self._ports['s3.port']}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def file_system(self) -> s3fs.S3FileSystem:
        """A client with all rights."""
        return s3fs.S3FileSystem(
            key=self.access_key,
            secret=self.secret_key,
            endpoint_url=self.endpoint,
            client_kwargs={"region_name": REGION},
        )

    def start(self) -> Self:
        """Start the server and wait until it answers."""
        self._data.mkdir(parents=True, exist_ok=True)
        super().start()
        self.wait_until(self._answers)
        return self

    def kill(self) -> None:
        """End the server in the middle of whatever it does, as a loss of power would."""
        super().kill()
        self._remove_sockets()

    def save(self) -> None:
        """Leave keys and ports in the folder."""
        self._state.touch(mode=0o600)
        keys = {"accessKey": self.access_key, "secretKey": self.secret_key}
        self._state.write_text(json.dumps({**keys, "ports": self._ports}))

    def stop_saved(self) -> bool:
        """End the server whose keys `save` left. Returns whether there was one."""
        if not self._state.exists():
            return False
        stop_all(servers_in(self._folder), _STOP_LIMIT_SECONDS)
        self._remove_sockets()
        self._state.unlink()
        return True

    def make_bucket(self, name: str) -> None:
        """A bucket of any name, also of one that AWS would not take: the folder that it is to this server."""
        url = f"http://{self._address}:{self._ports['filer.port']}/buckets/{urllib.parse.quote(name)}/"
        urllib.request.urlopen(urllib.request.Request(url, method="POST")).close()

    def download(self, uri: str, folder: Path) -> Path:
        """Copy everything below an S3 URI into a fresh folder."""
        shutil.rmtree(folder, ignore_errors=True)
        self.file_system.get(f"{uri}/", str(folder), recursive=True)
        return folder

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _state(self) -> Path:
        return self._folder / "server.json"

    def _command(self) -> list[str]:
        options = {
            **self._ports,
            "dir": self._data,
            "ip": self._address,
            "ip.bind": self._address,
            "bucket": BUCKET,
            "master.telemetry": "false",  # it would report its use to its makers
            "admin.ui": "false",
            "webdav": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.autoCreateBucket": "false",
        }
        if self.certificates:
            options |= {
                "s3.cert.file": self.certificates.serving,
                "s3.key.file": self.certificates.serving_key,
            }
        weed = Path(sys.executable).with_name("weed")
        return [str(weed), "mini", *(f"-{name}={value}" for name, value in options.items())]

    def _answers(self) -> bool:
        client = botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            verify=str(self.certificates.authority) if self.certificates else None,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5),
        )
        try:
            client.head_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            return False
        return True

    def _remove_sockets(self) -> None:
        """The server puts one socket per port in /tmp and leaves it there."""
        for port in self._ports.values():
            for own in (port, port + _GRPC_OFFSET):
                for path in Path("/tmp").glob(f"seaweedfs-*-{own}.sock"):
                    path.unlink(missing_ok=True)


def _free_ports() -> dict[str, int]:
    """Ports that are free now, and whose gRPC twins are too."""
    return dict(zip(_PORTS, free_ports(len(_PORTS), _GRPC_OFFSET), strict=True))


def main() -> None:
    """Start a server that stays, or stop it."""
    parser = argparse.ArgumentParser(description="An S3 server (SeaweedFS) on this machine.")
    parser.add_argument("action", choices=("start", "stop"))
    parser.add_argument("folder", type=Path, help="where its data and keys lie")
    options = parser.parse_args()
    folder = options.folder.absolute()
    store = ObjectStore(folder, outlive=True)
    if options.action == "start":
        store.start().save()
        _print_access(store)
    elif not store.stop_saved():
        sys.exit(f"No server was started in {folder}.")


def _print_access(store: ObjectStore) -> None:
    for name, value in store.environment.items():
        print(f"export {name}={shlex.quote(value)}")
    # On stderr, so that a person sees it although the shell evaluates the rest.
    storage = f"{{uri: s3://{BUCKET}/runs, endpoint: {store.endpoint}, region: {REGION}}}"
    print(f"storage: {storage}", file=sys.stderr)


if __name__ == "__main__":
    main()
