"""Whose word it is that something is missing: the store's own, and nobody else's."""

import re

import pytest
from storage_s3.conftest import options
from support.altering_proxy import Alteration, AlteringProxy, Answer
from testbed.object_store import ObjectStore

from collectiverun_trainer.artifacts.artifact import COMMIT_NAME, Artifact, ArtifactWriter
from collectiverun_trainer.artifacts.checkpoint import CheckpointStore
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration, StorageUnavailable

NOT_FOUND = Answer(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})
FOREIGN = {
    "a proxy that restarts": NOT_FOUND,
    "a proxy without a word": Answer(404),
    "a page of a proxy": Answer(404, b"<html><body>Not Found</body></html>", {"Content-Type": "text/html"}),
}
NO_LISTINGS = {
    "nothing": Answer(200),
    "a page to log in": Answer(200, b"<html><body>Log in</body></html>", {"Content-Type": "text/html"}),
    "a word": Answer(200, b"ok", {"Content-Type": "text/plain"}),
}
REFUSED = Answer(
    403,
    b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
    {"Content-Type": "application/xml"},
)


def first(count: int, instead: Answer) -> Alteration:
    """Only so many answers are someone else's."""
    left = [instead] * count
    return lambda method, path, answer: left.pop() if left else answer


def cut_short(count: int) -> Alteration:
    """Only so many answers are half as long, and whole by their headers."""
    left = [None] * count

    def alter(_method: str, _path: str, answer: Answer) -> Answer:
        if not left:
            return answer
        left.pop()
        return Answer(answer.status, answer.body[: len(answer.body) // 2], {})

    return alter


def is_listing(path: str) -> bool:
    return "list-type=2" in path


@pytest.mark.parametrize("foreign", [*FOREIGN.values(), *NO_LISTINGS.values()], ids=[*FOREIGN, *NO_LISTINGS])
def test_a_listing_that_the_store_did_not_make_is_asked_again(server: ObjectStore, storage, uri, foreign):
    storage.write(join(uri, "here"), b"1")
    with AlteringProxy(server.endpoint, first(2, foreign)) as proxy:
        assert Storage(options(proxy.url), retry_seconds=60).list(uri) == ["here"]


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_an_object_that_a_proxy_does_not_find_is_asked_again(server: ObjectStore, storage, uri, foreign):
    storage.write(join(uri, "here"), b"1")
    with AlteringProxy(server.endpoint, first(2, foreign)) as proxy:
        assert Storage(options(proxy.url), retry_seconds=60).read(join(uri, "here")) == b"1"
        proxy.alter = first(2, foreign)
        assert Storage(options(proxy.url), retry_seconds=60).exists(join(uri, "here"))


def test_an_object_that_a_gateway_cut_short_is_read_again(server, storage, uri):
    writer = ArtifactWriter(storage, uri)
    writer.add("policy.json", b"{}" * 1000)
    writer.commit({})
    with AlteringProxy(server.endpoint) as proxy:
        artifact = Artifact.open(Storage(options(proxy.url)), uri)
        proxy.alter = cut_short(1)
        assert artifact.read("policy.json") == b"{}" * 1000
        proxy.alter = cut_short(2)
        with pytest.raises(InputInvalid, match=r"policy\.json is damaged: it has 1000 bytes of 2000"):
            artifact.read("policy.json")


@pytest.mark.parametrize("operation", ["read", "exists", "list"])
def test_a_proxy_that_stays_alone_is_storage_unavailable(server: ObjectStore, credentials, uri, operation):
    with AlteringProxy(server.endpoint, lambda *_: NOT_FOUND) as proxy:
        storage = Storage(options(proxy.url), retry_seconds=1)
        with pytest.raises(StorageUnavailable, match="status 404 without a word of the store's own"):
            getattr(storage, operation)(uri)


def test_a_checkpoint_that_an_attempt_could_not_see_outlives_it(server: ObjectStore, storage, uri):
    CheckpointStore(storage, uri, attempt=1).save(900, {"work": "of days"})
    empty = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    with AlteringProxy(server.endpoint) as proxy:
        blind = CheckpointStore(Storage(options(proxy.url), retry_seconds=60), uri, attempt=2)
        proxy.alter = lambda method, path, answer: Answer(200, empty) if is_listing(path) else answer
        assert blind.latest() is None
        proxy.alter = lambda method, path, answer: answer
        for step in (10, 20, 30):
            blind.save(step, {})
    assert CheckpointStore(storage, uri, attempt=3).latest() == (900, {"work": "of days"})


def narrow(prefix: str) -> Alteration:
    """The answers to somebody who may list below a prefix only, and is not told what else exists."""

    def alter(method: str, path: str, answer: Answer) -> Answer:
        outside = is_listing(path) and not re.search(rf"[?&]prefix={re.escape(prefix)}", path)
        hidden = method in ("GET", "HEAD") and not is_listing(path) and answer.status == 404
        return REFUSED if outside or hidden else answer

    return alter


@pytest.fixture
def narrow_storage(server: ObjectStore, credentials, uri):
    """Storage of somebody who may list below `uri` only."""
    prefix = uri.split("/", 3)[3].replace("/", "%2F").replace("[", "%5B").replace("]", "%5D")
    with AlteringProxy(server.endpoint, narrow(prefix)) as proxy:
        yield Storage(options(proxy.url), retry_seconds=60)


def test_with_a_right_to_list_below_a_prefix_a_torn_checkpoint_gives_way(narrow_storage: Storage, uri):
    store = CheckpointStore(narrow_storage, uri, attempt=1)
    for step in (10, 20):
        store.save(step, {"step": step})
    narrow_storage.delete_tree(join(uri, "attempt-1-step-20", COMMIT_NAME))
    assert CheckpointStore(narrow_storage, uri, attempt=2).latest() == (10, {"step": 10})


def test_with_a_right_to_list_below_a_prefix_what_is_missing_is_missing(narrow_storage: Storage, uri):
    narrow_storage.write(join(uri, "object-2"), b"")
    assert not narrow_storage.exists(join(uri, "object"))
    with pytest.raises(FileNotFoundError):
        narrow_storage.read(join(uri, "object"))


@pytest.mark.parametrize("name", ["there", "not-there"])
def test_a_right_that_is_truly_missing_is_told(server: ObjectStore, storage: Storage, uri, name):
    storage.write(join(uri, "there"), b"1")

    def refuse(method: str, path: str, answer: Answer) -> Answer:
        return REFUSED if not is_listing(path) or name != "there" else answer

    told = rf"Access to {re.escape(join(uri, name))} was refused"
    with AlteringProxy(server.endpoint, refuse) as proxy, pytest.raises(InvalidConfiguration, match=told):
        Storage(options(proxy.url), retry_seconds=60).read(join(uri, name))


@pytest.mark.parametrize("operation", ["read", "exists", "list"])
@pytest.mark.parametrize(
    ("status", "code"), [(400, "ExpiredToken"), (403, "RequestTimeTooSkewed"), (403, "ExpiredToken")]
)
def test_what_is_expired_is_to_be_renewed_whatever_is_asked(
    server: ObjectStore, credentials, uri, operation, status, code
):
    said = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    with (
        AlteringProxy(server.endpoint, lambda *_: Answer(status, said)) as proxy,
        pytest.raises(StorageUnavailable, match="renew them"),
    ):
        getattr(Storage(options(proxy.url), retry_seconds=60), operation)(uri)


def test_an_object_that_grows_while_it_is_read_is_read_whole(server: ObjectStore, storage: Storage, uri):
    """Above 50 MiB s3fs asks for the size, and then for ranges of whatever is there by then."""
    old, new = b"o" * (51 * 2**20), b"n" * (60 * 2**20)
    storage.write(uri, old)

    def replace_after_the_first_answer(method: str, path: str, answer: Answer) -> Answer:
        proxy.alter = lambda method, path, answer: answer
        storage.write(uri, new)
        return answer

    with AlteringProxy(server.endpoint, replace_after_the_first_answer) as proxy:
        assert Storage(options(proxy.url), retry_seconds=60).read(uri) in (old, new)
