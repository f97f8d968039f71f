"""Real S3 servers: one for the session, and ones that a test may kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed.object_store import BUCKET, REGION, ObjectStore

from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.order import StorageOptions


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path_factory.mktemp("object-store"))
    store.start()
    yield store
    store.kill()


@pytest.fixture
def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A server that the test may kill, with its keys in the environment."""
    store = ObjectStore(tmp_path / "object-store")
    store.start()
    use_keys(store, monkeypatch)
    yield store
    store.kill()


@pytest.fixture
def credentials(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(server, monkeypatch)


@pytest.fixture
def storage(server: ObjectStore, credentials: None) -> Storage:
    return Storage(options(server.endpoint), retry_seconds=60)


@pytest.fixture
def uri(request: pytest.FixtureRequest) -> str:
    """A place of the test's own."""
    return f"s3://{BUCKET}/tests/{request.node.name}"


def use_keys(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)


def options(endpoint: str) -> StorageOptions:
    return StorageOptions(endpoint=endpoint, region=REGION)
