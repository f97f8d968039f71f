"""Artifacts and checkpoints on a real S3 server behave as on files."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from storage_s3.conftest import options

from collectiverun_trainer.artifacts.artifact import COMMIT_NAME, Artifact, ArtifactWriter
from collectiverun_trainer.artifacts.checkpoint import CheckpointStore
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.errors import InputInvalid


def test_what_was_written_is_read_back(storage: Storage, uri: str):
    data = np.random.default_rng(1).bytes(300_000)
    storage.write(join(uri, "folder/object"), data)
    assert storage.read(join(uri, "folder/object")) == data
    assert storage.list(uri) == ["folder"]
    assert storage.list(join(uri, "folder")) == ["object"]


def test_an_object_of_several_parts_is_read_back(storage: Storage, uri: str):
    data = np.random.default_rng(2).bytes(110 * 2**20)  # above the size from which s3fs uploads in parts
    storage.write(join(uri, "large"), data)
    assert storage.read(join(uri, "large")) == data


def test_a_write_replaces_and_is_seen_at_once(storage: Storage, uri: str):
    for content in (b"first", b"second, longer", b"3"):
        storage.write(join(uri, "object"), content)
        assert storage.read(join(uri, "object")) == content


def test_nothing_is_an_empty_list_and_a_missing_object(storage: Storage, uri: str):
    assert storage.list(uri) == []
    assert not storage.exists(join(uri, "object"))
    with pytest.raises(FileNotFoundError):
        storage.read(join(uri, "object"))


def test_a_listing_shows_what_another_client_just_wrote(storage: Storage, server, uri: str):
    assert storage.list(uri) == []
    Storage(options(server.endpoint)).write(join(uri, "new"), b"1")
    assert storage.list(uri) == ["new"]


def test_a_deleted_tree_leaves_nothing_listed_and_its_neighbour_alone(storage: Storage, uri: str):
    for name in ("one/a/x", "one/y", "one-more/x"):
        storage.write(join(uri, name), b"1")
    storage.delete_tree(join(uri, "one"))
    assert storage.list(uri) == ["one-more"]
    assert storage.read(join(uri, "one-more/x")) == b"1"


def test_a_folder_of_more_than_one_page_is_listed_and_deleted_whole(storage: Storage, uri: str):
    names = [f"object-{number:04}" for number in range(1005)]  # a page has 1000
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda name: storage.write(join(uri, name), b""), names))
    assert storage.list(uri) == names
    storage.delete_tree(uri)
    assert storage.list(uri) == []


def test_a_published_artifact_verifies(storage: Storage, uri: str):
    writer = ArtifactWriter(storage, uri)
    writer.add_tensors("reach-v3-sawyer/policy.safetensors", {"weight": torch.arange(6.0).reshape(2, 3).T})
    commit = writer.commit({"phase": "experts"})
    artifact = Artifact.open(storage, uri, commit.manifest_sha256)
    artifact.verify()
    read = artifact.read_tensors("reach-v3-sawyer/policy.safetensors")["weight"]
    assert torch.equal(read, torch.arange(6.0).reshape(2, 3).T)


def test_an_artifact_without_its_commit_does_not_exist(storage: Storage, uri: str):
    ArtifactWriter(storage, uri).commit({})
    storage.delete_tree(join(uri, COMMIT_NAME))
    with pytest.raises(InputInvalid, match="never committed"):
        Artifact.open(storage, uri)


def test_a_changed_object_is_found_out(storage: Storage, uri: str):
    writer = ArtifactWriter(storage, uri)
    writer.add("data", b"right")
    writer.commit({})
    storage.write(join(uri, "data"), b"wrong")
    with pytest.raises(InputInvalid, match="damaged"):
        Artifact.open(storage, uri).read("data")


def test_a_later_attempt_goes_on_from_the_newest_checkpoint_that_is_whole(storage: Storage, uri: str):
    first = CheckpointStore(storage, uri, attempt=1)
    for step in (10, 20, 30):
        first.save(step, {"weight": torch.full((3,), float(step))})
    assert storage.list(uri) == ["attempt-1-step-20", "attempt-1-step-30"]
    storage.write(join(uri, "attempt-1-step-30/state.safetensors"), b"cut off")
    found = CheckpointStore(storage, uri, attempt=2).latest()
    assert found is not None
    assert found[0] == 20
    assert torch.equal(found[1]["weight"], torch.full((3,), 20.0))
