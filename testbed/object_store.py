"""A real S3 server on this machine: SeaweedFS, from its wheel on PyPI.

For the tests, and for a person who wants to see a run on S3:

    eval "$(python -m testbed.object_store start /tmp/store)"  # exports AWS_*
    collectiverun run -f run.yaml                                               # s3://collectiverun/…
    python -m testbed.object_store stop /tmp/store
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import botocore.session
import s3fs
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from testbed.processes.daemon import end_with
from testbed.processes.ports import free_ports

BUCKET = "collectiverun"
REGION = "us-east-1"
START_LIMIT_SECONDS = 240
STOP_LIMIT_SECONDS = 30
_PORTS = ("master.port", "volume.port", "filer.port", "s3.port", "admin.port")
_GRPC_OFFSET = 10_000  # the server's gRPC ports lie this far above its others
_STATE_NAME = "server.json"


@dataclass
class ObjectStore:
    """One server: its data lie in `folder`, so that one killed and started again has what was written."""

    folder: str
    access_key: str = field(default_factory=lambda: secrets.token_hex(10))
    secret_key: str = field(default_factory=lambda: secrets.token_hex(20))
    ports: dict[str, int] = field(default_factory=lambda: _free_ports())
    pid: int | None = None
    address: str = "127.0.0.1"
    tls: dict[str, str] | None = None
    """Files `certificate`, `key` and `authority`: the server then speaks TLS only."""

    @property
    def endpoint(self) -> str:
        """URL of the S3 interface."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{self.address}:{self.ports['s3.port']}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self, outlive: bool = False) -> None:
        """Start the server and wait until it answers; it ends with this process unless it may outlive it."""
        data = Path(self.folder, "data")
        data.mkdir(parents=True, exist_ok=True)
        with Path(self.folder, "server.log").open("ab") as log:
            process = subprocess.Popen(
                self._command(data),
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=None if outlive else end_with(os.getpid()),
            )
        self.pid = process.pid
        self._wait_until_ready(process)

    def copy(self, uri: str, folder: Path) -> Path:
        """Everything below an S3 URI, in a fresh folder."""
        shutil.rmtree(folder, ignore_errors=True)
        files = s3fs.S3FileSystem(
            key=self.access_key,
            secret=self.secret_key,
            endpoint_url=self.endpoint,
            client_kwargs={"region_name": REGION},
        )
        files.get(f"{uri}/", str(folder), recursive=True)
        return folder

    def kill(self) -> None:
        """End the server in the middle of whatever it does, as a loss of power would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the server in order."""
        self._end(signal.SIGTERM)

    def _command(self, data: Path) -> list[str]:
        options = {
            **self.ports,
            "dir": data,
            "ip": self.address,
            "ip.bind": self.address,
            "bucket": BUCKET,
            "master.telemetry": "false",  # it would report its use to its makers
            "admin.ui": "false",
            "webdav": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.autoCreateBucket": "false",
            **self._tls_options(),
        }
        weed = Path(sys.executable).with_name("weed")
        return [str(weed), "mini", *(f"-{name}={value}" for name, value in options.items())]

    def _tls_options(self) -> dict[str, str]:
        if self.tls is None:
            return {}
        return {"s3.cert.file": self.tls["certificate"], "s3.key.file": self.tls["key"]}

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                log = Path(self.folder, "server.log").read_text(errors="replace")
                raise RuntimeError(f"The S3 server did not start:\n{log[-3000:]}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        client = botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            verify=self.tls and self.tls["authority"],
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5),
        )
        try:
            client.head_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self.pid is None:
            return
        _signal(self.pid, number)
        deadline = time.monotonic() + STOP_LIMIT_SECONDS
        while _is_running(self.pid):
            if time.monotonic() > deadline:
                _signal(self.pid, signal.SIGKILL)
            time.sleep(0.05)
        self.pid = None
        self._remove_sockets()

    def _remove_sockets(self) -> None:
        """The server puts one socket per port in /tmp and leaves it there."""
        for port in self.ports.values():
            for own in (port, port + _GRPC_OFFSET):
                for path in Path("/tmp").glob(f"seaweedfs-*-{own}.sock"):
                    path.unlink(missing_ok=True)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself
        os.killpg(pid, number)


def _is_running(pid: int) -> bool:
    try:
        ended, _status = os.waitpid(pid, os.WNOHANG)
        return ended == 0
    except ChildProcessError:  # started by another process
        return Path(f"/proc/{pid}").exists()


def _free_ports() -> dict[str, int]:
    """Ports that are free now, and whose gRPC twins are too."""
    return dict(zip(_PORTS, free_ports(len(_PORTS), _GRPC_OFFSET), strict=True))


def _start(folder: Path) -> None:
    store = ObjectStore(str(folder))
    store.start(outlive=True)
    state = folder / _STATE_NAME
    state.touch(mode=0o600)  # it holds the keys
    state.write_text(json.dumps(asdict(store)))
    for name, value in store.environment.items():
        print(f"export {name}={shlex.quote(value)}")
    # On stderr, so that a person sees it although the shell takes the rest.
    print(
        f"storage: {{uri: s3://{BUCKET}/runs, endpoint: {store.endpoint}, region: {REGION}}}", file=sys.stderr
    )


def _stop(folder: Path) -> None:
    state = folder / _STATE_NAME
    if not state.exists():
        sys.exit(f"No server was started in {folder}.")
    ObjectStore(**json.loads(state.read_text())).stop()
    state.unlink()


def main() -> None:
    """Start a server that stays, or stop it."""
    parser = argparse.ArgumentParser(description="An S3 server (SeaweedFS) on this machine.")
    parser.add_argument("action", choices=("start", "stop"))
    parser.add_argument("folder", type=Path, help="where its data and keys lie")
    options = parser.parse_args()
    folder = options.folder.absolute()
    if options.action == "start":
        folder.mkdir(parents=True, exist_ok=True)
        _start(folder)
    else:
        _stop(folder)


if __name__ == "__main__":
    main()
