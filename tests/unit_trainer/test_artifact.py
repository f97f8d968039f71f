"""Artifacts: committed whole, believed only when every digest matches."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from unit_trainer.storage_places import SCHEMES, new_storage, place

from collectiverun_trainer.artifacts.artifact import (
    COMMIT_NAME,
    FORMAT,
    MANIFEST_NAME,
    Artifact,
    ArtifactWriter,
    Commit,
)
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.errors import InputInvalid

STORAGE = new_storage()


@pytest.fixture(params=SCHEMES)
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return place(request.param, tmp_path)


@pytest.fixture
def published(uri: str) -> Commit:
    writer = ArtifactWriter(STORAGE, uri)
    writer.add_tensors("net/policy.safetensors", {"weight": torch.arange(4.0)})
    writer.add_json("policy.json", {"hiddenSizes": [256, 256]})
    writer.add("metrics.jsonl", b"{}\n")
    return writer.commit({"phase": "experts", "envSteps": 10})


def test_a_committed_artifact_is_read_back(published: Commit):
    artifact = Artifact.open(STORAGE, published.uri, published.manifest_sha256)
    artifact.verify()
    assert artifact.names == ("metrics.jsonl", "net/policy.safetensors", "policy.json")
    assert artifact.manifest["phase"] == "experts"
    assert artifact.manifest["envSteps"] == 10
    assert artifact.read_json("policy.json") == {"hiddenSizes": [256, 256]}
    assert torch.equal(artifact.read_tensors("net/policy.safetensors")["weight"], torch.arange(4.0))


def test_the_commit_is_the_digest_of_the_manifest(published: Commit):
    assert STORAGE.read(join(published.uri, COMMIT_NAME)).decode() == published.manifest_sha256


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(3.5),
        torch.zeros(0, 5),
        torch.arange(12.0).reshape(3, 4).T,
        torch.ones(4, 6)[1:3, ::2],
        torch.tensor([True, False]),
        torch.tensor([float("nan"), float("inf"), -0.0]),
        torch.arange(3, dtype=torch.uint8),
        torch.nn.Parameter(torch.ones(2)),
        np.arange(6, dtype=np.int64).reshape(2, 3)[:, 1],
        np.float32(1.5).reshape(()),
    ],
    ids=str,
)
def test_every_kind_of_tensor_keeps_its_bits(uri: str, tensor):
    writer = ArtifactWriter(STORAGE, uri)
    writer.add_tensors("t", {"x": tensor})
    writer.commit({})
    read = Artifact.open(STORAGE, uri).read_tensors("t")["x"]
    original = tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else tensor
    assert read.numpy().dtype == original.dtype
    assert read.numpy().shape == original.shape
    assert read.numpy().tobytes() == original.tobytes()


def test_slices_that_share_memory_can_be_written(uri: str):
    stacked = torch.arange(6.0).reshape(2, 3)
    writer = ArtifactWriter(STORAGE, uri)
    writer.add_tensors("t", {"all": stacked, "first": stacked[0], "second": stacked[1]})
    writer.commit({})
    read = Artifact.open(STORAGE, uri).read_tensors("t")
    assert torch.equal(read["second"], torch.tensor([3.0, 4.0, 5.0]))


def without_commit(storage: Storage, uri: str) -> None:
    storage.delete_tree(join(uri, COMMIT_NAME))


def without_manifest(storage: Storage, uri: str) -> None:
    storage.delete_tree(join(uri, MANIFEST_NAME))


def with_another_commit(storage: Storage, uri: str) -> None:
    storage.write(join(uri, COMMIT_NAME), b"0" * 64)


def with_a_commit_of_no_text(storage: Storage, uri: str) -> None:
    storage.write(join(uri, COMMIT_NAME), b"\xff\xfe")


def with_an_edited_manifest(storage: Storage, uri: str) -> None:
    manifest = storage.read(join(uri, MANIFEST_NAME))
    storage.write(join(uri, MANIFEST_NAME), manifest.replace(b'"envSteps": 10', b'"envSteps": 99'))


def with_a_truncated_manifest(storage: Storage, uri: str) -> None:
    storage.write(join(uri, MANIFEST_NAME), storage.read(join(uri, MANIFEST_NAME))[:-20])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (without_commit, "has no _SUCCESS: it was never committed"),
        (without_manifest, r"has no manifest\.json: it is damaged"),
        (with_another_commit, "does not match its commit"),
        (with_a_commit_of_no_text, "does not match its commit"),
        (with_an_edited_manifest, "does not match its commit"),
        (with_a_truncated_manifest, "does not match its commit"),
    ],
)
def test_an_artifact_whose_commit_does_not_hold_is_not_opened(
    published: Commit, damage: Callable[[Storage, str], None], sentence: str
):
    damage(STORAGE, published.uri)
    with pytest.raises(InputInvalid, match=sentence) as caught:
        Artifact.open(STORAGE, published.uri)
    assert published.uri in str(caught.value)


@pytest.mark.parametrize("name", ["net/policy.safetensors", "policy.json", "metrics.jsonl"])
@pytest.mark.parametrize("kind", ["truncated", "flipped", "longer", "empty", "missing"])
def test_a_damaged_file_is_found_out_and_named(published: Commit, name: str, kind: str):
    address = join(published.uri, name)
    data = STORAGE.read(address)
    if kind == "missing":
        STORAGE.delete_tree(address)
    else:
        flipped = bytes([data[0] ^ 1]) + data[1:]
        changed = {"truncated": data[:-1], "flipped": flipped, "longer": data + b" ", "empty": b""}[kind]
        STORAGE.write(address, changed)
    artifact = Artifact.open(STORAGE, published.uri)
    with pytest.raises(InputInvalid, match="is damaged") as caught:
        artifact.read(name)
    assert name in str(caught.value)
    with pytest.raises(InputInvalid):
        artifact.verify()


def test_another_artifact_than_the_ordered_one_is_refused(published: Commit):
    with pytest.raises(InputInvalid, match="is not the artifact that was ordered"):
        Artifact.open(STORAGE, published.uri, "0" * 64)


def test_a_file_the_artifact_does_not_have_is_named(published: Commit):
    with pytest.raises(InputInvalid, match=r"has no file 'critic'; it holds metrics\.jsonl, net/policy"):
        Artifact.open(STORAGE, published.uri).read("critic")


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        {},
        {"format": FORMAT},
        {"format": FORMAT, "files": []},
        {"format": FORMAT, "files": {"x": {"sizeBytes": "1"}}},
        {"format": "collectiverun-artifact/99", "files": {}},
    ],
    ids=json.dumps,
)
def test_a_committed_manifest_of_another_shape_is_refused(uri: str, manifest: object):
    data = json.dumps(manifest).encode()
    STORAGE.write(join(uri, MANIFEST_NAME), data)
    STORAGE.write(join(uri, COMMIT_NAME), hashlib.sha256(data).hexdigest().encode())
    with pytest.raises(InputInvalid, match=r"is not valid|this trainer reads"):
        Artifact.open(STORAGE, uri)


def test_files_of_the_wrong_kind_are_refused(uri: str):
    writer = ArtifactWriter(STORAGE, uri)
    writer.add("text", b"\x80 neither")
    writer.commit({})
    artifact = Artifact.open(STORAGE, uri)
    with pytest.raises(InputInvalid, match="is not a safetensors file"):
        artifact.read_tensors("text")
    with pytest.raises(InputInvalid, match="is not JSON"):
        artifact.read_json("text")


@pytest.mark.parametrize("name", ["x", MANIFEST_NAME, COMMIT_NAME])
def test_a_name_is_taken_once(uri: str, name: str):
    writer = ArtifactWriter(STORAGE, uri)
    writer.add("x", b"1")
    with pytest.raises(ValueError, match="is already a file"):
        writer.add(name, b"2")


def test_nothing_is_added_after_the_commit(uri: str):
    writer = ArtifactWriter(STORAGE, uri)
    writer.commit({})
    with pytest.raises(ValueError, match="is committed"):
        writer.add("x", b"1")


def test_metadata_can_not_hide_the_files(uri: str):
    with pytest.raises(ValueError, match="'files'"):
        ArtifactWriter(STORAGE, uri).commit({"files": {}})
