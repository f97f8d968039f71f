"""Servers that are slow, hang, die and come back, or stay away."""

import threading

import numpy as np
import pytest
from storage_s3.conftest import options
from support.faulty_proxy import FaultyProxy
from testbed.object_store import BUCKET, ObjectStore
from testbed.waiting import eventually

from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.errors import StorageUnavailable

pytestmark = pytest.mark.timeout(900)

URI = f"s3://{BUCKET}/run/object"


@pytest.fixture
def data() -> bytes:
    return np.random.default_rng(3).bytes(4 * 2**20)


def test_a_slow_server_is_waited_for_and_not_asked_again(server, credentials, data: bytes, caplog):
    with FaultyProxy(server.endpoint, bytes_per_second=2 * 2**20) as proxy:
        storage = Storage(options(proxy.url))
        storage.write(URI, data)
        assert storage.read(URI) == data
        # Ours only: what an earlier test's client left is told by other loggers, whenever it is collected.
        said = [record for record in caplog.records if record.name.startswith("collectiverun_trainer")]
        assert said == []


def test_a_server_that_accepts_and_never_answers_is_given_up(server, credentials, data: bytes):
    with FaultyProxy(server.endpoint, bytes_per_second=0) as proxy:
        with pytest.raises(StorageUnavailable, match=r"Storage failed for 1 seconds at s3://"):
            Storage(options(proxy.url), retry_seconds=1).read(URI)
        eventually(lambda: proxy.accepted, "the proxy saw the client")  # its kernel may have, before it did


def test_a_server_that_stops_taking_a_body_is_given_up(server, credentials):
    with FaultyProxy(server.endpoint, bytes_per_second=0) as proxy, pytest.raises(StorageUnavailable):
        Storage(options(proxy.url), retry_seconds=1).write(URI, bytes(400_000))


def test_a_write_cut_by_the_death_of_the_server_completes_after_its_return(
    own_server: ObjectStore, data: bytes
):
    with FaultyProxy(own_server.endpoint) as proxy:
        storage = Storage(options(proxy.url))
        storage.write(URI, b"before")
        already_sent = proxy.sent_bytes
        proxy.hold_after(len(data) // 2)
        writer = threading.Thread(target=storage.write, args=(URI, data))
        writer.start()
        proxy.wait_until_holding()
        own_server.kill()
        own_server.start()
        proxy.release()
        writer.join()
        twice = already_sent + len(data) * 3 // 2  # the half, and then the whole once more
        eventually(lambda: proxy.sent_bytes > twice, "all bytes are counted")
        assert Storage(options(own_server.endpoint)).read(URI) == data


def test_a_write_that_never_completed_leaves_what_was_there(own_server: ObjectStore, data: bytes):
    Storage(options(own_server.endpoint)).write(URI, b"before")
    with FaultyProxy(own_server.endpoint) as proxy:
        proxy.hold_after(len(data) // 2)
        killer = threading.Thread(target=lambda: (proxy.wait_until_holding(), own_server.kill()))
        killer.start()
        with pytest.raises(StorageUnavailable):
            Storage(options(proxy.url), retry_seconds=0).write(URI, data)
        killer.join()
        assert not own_server.is_running  # it was killed in the middle, and not waited for in vain
        own_server.start()
        assert Storage(options(own_server.endpoint)).read(URI) == b"before"


def test_a_server_that_stays_away_is_storage_unavailable(own_server: ObjectStore):
    own_server.kill()
    with pytest.raises(StorageUnavailable, match=f"endpoint {own_server.endpoint}"):
        Storage(options(own_server.endpoint), retry_seconds=2).list(URI)
