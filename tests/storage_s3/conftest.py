"""A real S3 server for the session, and proxies that stand in its way."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from storage_s3.throttled_proxy import ThrottledProxy
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
def own_server(tmp_path: Path) -> Iterator[ObjectStore]:
    """A server that the test may kill."""
    store = ObjectStore(tmp_path / "object-store")
    store.start()
    yield store
    store.kill()


@pytest.fixture
def credentials(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def storage(server: ObjectStore, credentials: None) -> Storage:
    return Storage(options(server.endpoint), retry_seconds=60)


@pytest.fixture
def uri(request: pytest.FixtureRequest) -> str:
    """A place of the test's own."""
    return f"s3://{BUCKET}/tests/{request.node.name}"


@pytest.fixture
def proxied() -> Iterator[Callable[[ObjectStore, float], ThrottledProxy]]:
    proxies: list[ThrottledProxy] = []

    def make(server: ObjectStore, bytes_per_second: float) -> ThrottledProxy:
        proxies.append(ThrottledProxy(server.endpoint, bytes_per_second))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


def options(endpoint: str) -> StorageOptions:
    return StorageOptions(endpoint=endpoint, region=REGION)
