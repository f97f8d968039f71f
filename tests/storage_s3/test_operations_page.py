"""docs/operations.md: its S3 server of a cluster serves, and its line of Python fetches a report there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.operations_page import blocks, object_of, yaml_documents
from testbed.object_store import ObjectStore

REPORT = "s3://runs/robots/default/first-0123/evaluation/all/attempt-1/ab/report.html"


class DocumentedServer(ObjectStore):
    """Its command line and keys are the page's; folder and ports are the test's."""

    def __init__(self, folder):
        folder.mkdir()
        keys = object_of("Secret")["stringData"]
        saved = {"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}
        (folder / "server.json").write_text(json.dumps(saved))
        super().__init__(folder)

    def _command(self):
        ports = [f"-{name}={port}" for name, port in self._ports.items()]
        return [*super()._command()[:1], *container()["command"][1:], f"-dir={self._data}", *ports]

    def _answers(self):
        return self.file_system.exists("runs")


def container():
    (found,) = object_of("Deployment")["spec"]["template"]["spec"]["containers"]
    return found


@pytest.fixture
def server(tmp_path):
    with DocumentedServer(tmp_path / "server") as server:
        yield server


def test_a_report_in_the_documented_server_is_fetched_by_the_documented_line(server, tmp_path):
    server.file_system.pipe_file(REPORT, b"<html>")
    (command,) = [block for block in blocks("sh") if block.startswith("python -c")]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    where = {"AWS_ENDPOINT_URL": server.endpoint, "report": REPORT, "PATH": path}
    subprocess.run(["bash", "-euc", command], check=True, cwd=tmp_path, env=server.environment | where)
    assert (tmp_path / "report.html").read_bytes() == b"<html>"


def test_the_documented_storage_is_the_documented_server():
    service = object_of("Service")
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    ((port,),) = (entry.values() for entry in service["spec"]["ports"])
    address = f"http://{name}.{namespace}.svc:{port}"
    storages = [document.get("spec", {}).get("storage", {}) for document in yaml_documents()]
    (uri,) = [
        storage["uri"]
        for storage in storages
        if isinstance(storage, dict) and storage.get("endpoint") == address
    ]
    assert {f"-s3.port={port}", f"-bucket={uri.split('/')[2]}"} <= set(container()["command"])
    assert [entry["containerPort"] for entry in container()["ports"]] == [port]
    assert service["spec"]["selector"] == object_of("Deployment")["spec"]["selector"]["matchLabels"]
