"""Objects in memory and in files: whole or not there, and no fault without a sentence."""

import errno
import os
import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from unit_trainer.storage_places import SCHEMES, new_storage, place

from collectiverun_trainer.artifacts import files
from collectiverun_trainer.artifacts.storage import RETRY_SECONDS_VARIABLE, Storage, join
from collectiverun_trainer.errors import InvalidConfiguration, StorageRefused, StorageUnavailable
from collectiverun_trainer.order import StorageOptions


@pytest.fixture(params=SCHEMES)
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return place(request.param, tmp_path)


@contextmanager
def file_size_limit(limit_bytes: int) -> Iterator[None]:
    """Make the system refuse larger files, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_was_written_is_read_back(uri: str):
    storage = new_storage()
    storage.write(join(uri, "a/b"), b"content")
    storage.write(join(uri, "a/b"), b"replaced")
    assert storage.read(join(uri, "a/b")) == b"replaced"
    assert new_storage().read(join(uri, "a/b")) == b"replaced"


def test_names_right_below_are_listed_in_order(uri: str):
    storage = new_storage()
    for name in ("b/x", "a", "c/y/z"):
        storage.write(join(uri, name), b"")
    assert storage.list(uri) == ["a", "b", "c"]
    assert storage.list(join(uri, "c")) == ["y"]
    assert storage.list(join(uri, "nothing")) == []


def test_a_missing_object_is_a_missing_file(uri: str):
    storage = new_storage()
    storage.write(join(uri, "folder/object"), b"")
    for name in ("nothing", "folder", "folder/object/below"):
        with pytest.raises(FileNotFoundError):
            storage.read(join(uri, name))
    assert storage.exists(join(uri, "folder/object"))
    assert not storage.exists(join(uri, "nothing"))


def test_deleting_takes_what_is_below_and_nothing_else(uri: str):
    storage = new_storage()
    for name in ("one/a/x", "one/y", "one-more/x"):
        storage.write(join(uri, name), b"")
    storage.delete_tree(join(uri, "one"))
    storage.delete_tree(join(uri, "one"))
    assert storage.list(uri) == ["one-more"]
    storage.delete_tree(join(uri, "one-more/x"))
    assert not storage.exists(join(uri, "one-more/x"))


@pytest.mark.parametrize("part", ["", "..", "a/../b", "/a", "a//b", "a/", "."])
def test_no_name_leads_out_of_an_address(part: str):
    with pytest.raises(ValueError, match="is not the name of anything below"):
        join("file:///run", part)


@pytest.mark.parametrize(
    "uri",
    ["gs://bucket/x", "/tmp/x", "x", "", "file:", "file://", "file://relative/x", "s3://", "memory:///"],
)
def test_an_address_of_no_known_kind_is_refused(uri: str):
    with pytest.raises(InvalidConfiguration, match=r"use s3://bucket/path or file://"):
        new_storage().list(uri)


def test_a_write_that_fails_leaves_what_was_there_and_no_litter(tmp_path: Path):
    uri = place("file", tmp_path)
    storage = new_storage()
    storage.write(join(uri, "object"), b"before")
    with file_size_limit(1000), pytest.raises(StorageUnavailable, match="File too large"):
        storage.write(join(uri, "object"), bytes(100_000))
    assert storage.read(join(uri, "object")) == b"before"
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["object"]


def test_a_fault_that_passes_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    uri = place("file", tmp_path)
    storage = new_storage(retry_seconds=120)
    writer = threading.Thread(target=storage.write, args=(join(uri, "object"), bytes(100_000)))
    with file_size_limit(1000):
        writer.start()
        while not caplog.records:  # until the write was refused once
            writer.join(0.01)
    writer.join()
    assert storage.read(join(uri, "object")) == bytes(100_000)
    assert "File too large; it is tried again for up to 120 s" in caplog.messages[0]
    assert caplog.messages[-1] == f"Storage works again at {uri}/object."


def refuse_to_flush_folders(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """As shared folders and some FUSE and SMB file systems do; files are flushed as ever."""
    flush = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(files, "_said_of", set())


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF, errno.ENOSYS])
def test_a_file_system_that_flushes_no_folders_is_used_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
):
    refuse_to_flush_folders(monkeypatch, number)
    uri, storage = place("file", tmp_path), new_storage()
    for name in ("one", "two", "deeper/three"):
        storage.write(join(uri, name), b"content")
    assert storage.read(join(uri, "deeper/three")) == b"content"
    assert [os.strerror(number) in message for message in caplog.messages] == [True]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_folder_that_can_not_be_flushed_for_a_fault_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    refuse_to_flush_folders(monkeypatch, number)
    with pytest.raises(StorageUnavailable, match=os.strerror(number)):
        new_storage().write(join(place("file", tmp_path), "object"), b"content")


def test_an_unfinished_write_is_not_listed(tmp_path: Path):
    uri = place("file", tmp_path)
    new_storage().write(join(uri, "object"), b"")
    (tmp_path / "run" / ".object.0123abcd.partial").write_bytes(b"of a process that was killed")
    assert new_storage().list(uri) == ["object"]


def test_a_file_in_the_way_of_a_folder_is_the_users_to_move(tmp_path: Path):
    (tmp_path / "run").write_text("not a folder")
    with pytest.raises(InvalidConfiguration, match="in the way"):
        new_storage(retry_seconds=60).write(f"file://{tmp_path}/run/object", b"")


def test_what_only_a_person_can_mend_is_refused_at_once_and_says_so(tmp_path: Path, monkeypatch):
    def refuse(path: Path, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageRefused, match="make it writable or correct"):
        new_storage(retry_seconds=60).write(f"file://{tmp_path}/run/object", b"")


def test_links_in_a_circle_are_refused_at_once(tmp_path: Path):
    (tmp_path / "a").symlink_to(tmp_path / "a")
    with pytest.raises(StorageRefused):
        new_storage(retry_seconds=60).read(f"file://{tmp_path}/a/object")


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", ""])
def test_a_limit_that_is_no_number_of_seconds_is_refused(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv(RETRY_SECONDS_VARIABLE, text)
    with pytest.raises(InvalidConfiguration, match=f"{RETRY_SECONDS_VARIABLE} is '{text}'"):
        Storage(StorageOptions())
