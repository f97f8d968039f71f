"""What the client takes from its environment: certificates, keys, a metadata service that is busy."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from storage_s3.conftest import options, use_keys
from testbed.kubernetes.certificates import Certificates
from testbed.object_store import BUCKET, ObjectStore

from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.errors import InvalidConfiguration, StorageUnavailable
from collectiverun_trainer.order import StorageOptions

URI = f"s3://{BUCKET}/environment/object"


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory):
    certificates = Certificates(tmp_path_factory.mktemp("pki"))
    certificates.make()
    store = ObjectStore(tmp_path_factory.mktemp("tls-store"), certificates=certificates)
    store.start()
    yield store
    store.kill()


def test_the_bundle_of_the_environment_is_trusted(tls_server: ObjectStore, monkeypatch):
    use_keys(tls_server, monkeypatch)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls_server.certificates.authority))
    storage = Storage(options(tls_server.endpoint), retry_seconds=60)
    storage.write(URI, b"1")
    assert storage.read(URI) == b"1"


def test_without_a_bundle_the_message_says_how_to_give_one(tls_server: ObjectStore, monkeypatch):
    use_keys(tls_server, monkeypatch)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    with pytest.raises(InvalidConfiguration, match=r"not trusted .*AWS_CA_BUNDLE"):
        Storage(options(tls_server.endpoint), retry_seconds=60).list(URI)


def test_the_orders_bundle_comes_before_that_of_the_environment(tls_server, tmp_path, monkeypatch):
    use_keys(tls_server, monkeypatch)
    other = Certificates(tmp_path)
    other.make()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(other.authority))
    trusted = str(tls_server.certificates.authority)
    storage = Storage(StorageOptions(endpoint=tls_server.endpoint, ca_bundle_path=trusted), retry_seconds=60)
    assert storage.list(f"s3://{BUCKET}/nothing") == []


@pytest.mark.parametrize("content", [None, "not a certificate"], ids=["no file", "no certificates"])
def test_a_bundle_of_the_environment_that_is_none_is_refused(
    server, credentials, tmp_path, monkeypatch, content
):
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(path))
    with pytest.raises(
        InvalidConfiguration, match=r"AWS_CA_BUNDLE '.*ca\.pem' (is not a file|holds no cert)"
    ):
        Storage(options(server.endpoint), retry_seconds=60).list(URI)


@pytest.mark.parametrize("spoilt", ["{}\n", "{}\r\n", " {}", "{}\t", "{}\N{NO-BREAK SPACE}"])
@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"]
)
def test_a_variable_with_a_stray_character_is_named_and_never_shown(
    server: ObjectStore, credentials, monkeypatch, name, spoilt
):
    monkeypatch.setenv(name, spoilt.format("SECRET-VALUE"))
    with pytest.raises(InvalidConfiguration, match=rf"^{name} holds") as refused:
        Storage(options(server.endpoint), retry_seconds=60).list(URI)
    assert "SECRET-VALUE" not in str(refused.value)


def test_a_token_file_that_is_not_there_is_no_empty_listing(server: ObjectStore, monkeypatch, tmp_path):
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/trainer")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(InvalidConfiguration, match=r"a file that is not there .*token"):
        Storage(options(server.endpoint), retry_seconds=60).list(URI)


def test_a_region_that_can_not_be_is_refused(server: ObjectStore, credentials):
    with pytest.raises(InvalidConfiguration, match="region"):
        Storage(StorageOptions(endpoint=server.endpoint, region="eu_central"), retry_seconds=60).list(URI)


class MetadataService(ThreadingHTTPServer):
    """Gives the server's keys, as that of a cloud does; the first `busy` requests are answered with 503."""

    def __init__(self, store: ObjectStore, busy: float) -> None:
        self.busy = busy
        self.asked = 0
        self.answers = {
            "/latest/api/token": "token",
            "/latest/meta-data/iam/security-credentials/": "trainer",
            "/latest/meta-data/iam/security-credentials/trainer": json.dumps(
                {
                    "Code": "Success",
                    "AccessKeyId": store.access_key,
                    "SecretAccessKey": store.secret_key,
                    "Token": None,
                    "Expiration": "2099-01-01T00:00:00Z",
                }
            ),
        }
        super().__init__(("127.0.0.1", 0), _MetadataRequest)


class _MetadataRequest(BaseHTTPRequestHandler):
    server: MetadataService

    def answer(self) -> None:
        self.server.asked += 1
        body = self.server.answers[self.path].encode()
        self.send_response(503 if self.server.asked <= self.server.busy else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def metadata_service(server: ObjectStore, monkeypatch, tmp_path: Path):
    service = MetadataService(server, busy=0)
    for variable in (*server.environment, "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(variable, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{service.server_port}")
    threading.Thread(target=service.serve_forever, daemon=True).start()
    yield service
    service.shutdown()
    service.server_close()


def test_a_metadata_service_that_is_busy_at_first_is_asked_again(server, metadata_service, uri):
    metadata_service.busy = 4
    storage = Storage(options(server.endpoint), retry_seconds=120)
    storage.write(uri, b"1")
    assert metadata_service.asked > 4
    assert storage.read(uri) == b"1"


def test_a_metadata_service_that_stays_busy_is_storage_unavailable(server, metadata_service, uri):
    metadata_service.busy = float("inf")
    with pytest.raises(StorageUnavailable, match=r"metadata service gave none.*AWS_ACCESS_KEY_ID"):
        Storage(options(server.endpoint), retry_seconds=2).read(uri)
    assert metadata_service.asked > 1


def test_without_a_metadata_service_nobody_waits_for_one(server, metadata_service, uri, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(InvalidConfiguration, match="There are no credentials for s3://"):
        Storage(options(server.endpoint), retry_seconds=600).read(uri)
    assert metadata_service.asked == 0
