"""Experts of stable-baselines3: what comes in acts as it did there, and later phases learn from it."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import torch
from phases.sb3_models import OBS_HIGH, OBS_LOW, altered, saved, trained_sac, with_data, with_weights
from phases.small_run import SmallRun

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.comparison.configurations import differences, grouped
from collectiverun_trainer.comparison.reading import read_runs
from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams, Phase, Task
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration, Usage
from collectiverun_trainer.experts.stacked import TrainedExperts
from collectiverun_trainer.importing.expert import publish
from collectiverun_trainer.importing.places import require_free
from collectiverun_trainer.importing.sb3 import ForeignExpert, read_sac
from collectiverun_trainer.importing.tensor_file import read_state_dict
from collectiverun_trainer.learned import open_run
from collectiverun_trainer.order import ArtifactReference, StorageOptions
from collectiverun_trainer.policy_files.learners import load_experts
from collectiverun_trainer.replay.episodes import SOURCES
from collectiverun_trainer.replay.shards import read_episodes
from collectiverun_trainer.sac.networks import LOG_STD_MIN

DOOR, REACH = Task(env="door-open-v3"), Task(env="reach-v3")
SETTINGS = EnvironmentSettings(horizon_env_steps=20, action_repeat=2, goals=4)  # those of SmallRun
FORM: dict[str, Any] = {"hiddenSizes": [16, 16], "criticLayerNorm": False}
PARAMS = ExpertsParams.model_validate(FORM | {"distillEpisodes": 3, "policyEpisodes": 2})
ROWS = 2000


@pytest.fixture(scope="module")
def model() -> Any:
    return trained_sac()


@pytest.fixture(scope="module")
def original(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(model, tmp_path_factory.mktemp("sb3") / "door.zip")


@pytest.fixture
def file(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may alter."""
    return Path(shutil.copy(original, tmp_path / "door.zip"))


@pytest.fixture(scope="module")
def imported(original: Path) -> tuple[str, Artifact]:
    """A root that holds the expert, and its artifact."""
    return _published(read_sac(original))


def _published(foreign: ForeignExpert, task: Task = DOOR) -> tuple[str, Artifact]:
    root, storage = f"memory://imported-{uuid4().hex}", Storage(StorageOptions())
    commit, _, _ = publish(storage, root, task, foreign, SETTINGS, PARAMS, seed=1)
    return root, Artifact.open(storage, commit.uri, commit.manifest_sha256)


def _expert(artifact: Artifact) -> TrainedExperts:
    reference = ArtifactReference(member=DOOR.name, uri=artifact.uri, tasks=(DOOR,))
    experts, _ = load_experts([(reference, artifact)])
    assert isinstance(experts, TrainedExperts)
    return experts


def _observations() -> Any:
    """Real ones of an episode, and random ones."""
    environment = VectorEnvironment((DOOR,), SETTINGS)
    real = [environment.reset([goal]) for goal in range(SETTINGS.goals)]
    generator = np.random.default_rng(2)
    return np.concatenate([*real, generator.uniform(OBS_LOW, OBS_HIGH, (ROWS, 39))]).astype(np.float32)


def test_it_acts_as_it_did_there(model: Any, imported: tuple[str, Artifact]) -> None:
    obs = _observations()
    theirs, _ = model.predict(obs, deterministic=True)
    ours = _expert(imported[1]).policy_for(DOOR).act(obs)
    assert theirs.std() > 0.01
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_its_spreads_and_values_are_those_it_had_there(model: Any, imported: tuple[str, Artifact]) -> None:
    obs, tensor = _observations(), torch.from_numpy(_observations())
    actions = np.random.default_rng(3).uniform(-1, 1, (len(obs), 4)).astype(np.float32)
    rows = np.zeros(len(obs), dtype=np.int64)
    mu, log_std, q = _expert(imported[1]).label(rows, obs, actions)
    with torch.no_grad():
        their_mu, their_log_std, _ = model.actor.get_action_dist_params(tensor)
        their_q = torch.cat(model.critic(tensor, torch.from_numpy(actions)), 1).amin(1)
    torch.testing.assert_close(mu, their_mu, rtol=0, atol=1e-5)
    torch.testing.assert_close(log_std, their_log_std, rtol=0, atol=1e-5)
    torch.testing.assert_close(q, PARAMS.reward_scale * their_q, rtol=1e-4, atol=1e-5)


def test_a_spread_that_is_narrower_than_ours_can_be_is_raised_and_told(file: Path, model: Any) -> None:
    def narrowed(weights: Any) -> Any:
        weights["actor.log_std.bias"][0] = -15.0
        return weights

    foreign, obs = read_sac(with_weights(file, narrowed)), _observations()
    _, artifact = _published(foreign)
    _, log_std = _expert(artifact).gaussian(np.zeros(len(obs), dtype=np.int64), obs)
    assert set(log_std[:, 0].tolist()) == {LOG_STD_MIN}
    storage = Storage(StorageOptions())
    *_, narrow = publish(storage, "memory://narrow", DOOR, foreign, SETTINGS, PARAMS, seed=1)
    assert narrow == 0.25
    theirs, _ = model.predict(obs, deterministic=True)
    np.testing.assert_allclose(_expert(artifact).policy_for(DOOR).act(obs), theirs, rtol=0, atol=1e-5)


def test_the_artifact_holds_what_later_phases_need(imported: tuple[str, Artifact], original: Path) -> None:
    _, artifact = imported
    episodes = read_episodes(artifact, f"{DOOR.name}/buffer_distill")
    assert [SOURCES[source] for source in episodes.source.tolist()] == ["training"] * 3 + ["policy"] * 2
    assert episodes.rows == 5 * SETTINGS.horizon
    assert 0 < int(episodes.validation.sum()) < len(episodes)
    assert float(episodes.q.std()) > 0
    about = artifact.manifest["imported"]
    assert (about["file"], about["discount"], about["trainedSteps"]) == (original.name, 0.99, 120)
    with pytest.raises(Usage, match=r"there is an expert of door-open-v3-sawyer already"):
        require_free(Storage(StorageOptions()), imported[0], DOOR)
    require_free(Storage(StorageOptions()), imported[0], REACH)


def test_a_run_learns_from_it_beside_an_expert_of_its_own(imported: tuple[str, Artifact]) -> None:
    root, artifact = imported
    given: dict[Phase, dict[str, Any]] = {"experts": FORM, "evaluation": {"videos": False}}
    run = SmallRun(tasks=(DOOR, REACH), earlier={"experts": root}, params=given)
    result = run.do("experts")
    assert result.note == (
        f"Experts reused from {root}: door-open-v3-sawyer; trained: reach-v3-sawyer;"
        " trained elsewhere: door-open-v3-sawyer."
    )
    copy = Artifact.open(Storage(StorageOptions()), str(result.uri))
    for name in artifact.names:
        if name.startswith(DOOR.name):
            assert copy.read(name) == artifact.read(name)
    later: tuple[Phase, ...] = ("trajectoryTransformer", "onlineDistillation", "refinement", "evaluation")
    for phase in later:
        run.do(phase)
    own = SmallRun(tasks=(DOOR, REACH), params=given)
    own.do("experts")
    for phase in later:
        own.do(phase)
    _, other = groups = grouped(read_runs([open_run(own.root), open_run(run.root)]))
    assert [one.root for one in other.runs] == [run.root]
    (difference,) = differences(groups)
    assert difference.field == "spec.phases.experts.imported.door-open-v3-sawyer"
    assert difference.values["A"] == (None,)
    assert str(difference.values["B"][0]).startswith("door.zip (sha256 ")


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"hiddenSizes": [16]}, r"hiddenSizes is now \[16\], was \[16, 16\]"),
        ({"criticLayerNorm": True}, "criticLayerNorm is now True, was False"),
        ({"rewardScale": 0.5}, "rewardScale is now 0.5, was 0.1"),
        ({"source": "scripted"}, "source is now 'scripted', was 'sac'"),
    ],
)
def test_networks_of_another_form_than_the_runs_are_refused(
    imported: tuple[str, Artifact], params: dict[str, Any], told: str
) -> None:
    run = SmallRun(tasks=(DOOR,), earlier={"experts": imported[0]}, params={"experts": FORM | params})
    with pytest.raises(InvalidConfiguration, match=told):
        run.do("experts")


class Evil:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


def test_no_pickle_of_the_model_is_loaded(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "made"
    pickled = base64.b64encode(pickle.dumps(Evil(target))).decode()
    data = json.loads(zipfile.ZipFile(file).read("data"))
    fields = {
        key: value | {":serialized:": pickled}
        for key, value in data.items()
        if isinstance(value, dict) and ":serialized:" in value
    }
    assert len(fields) > 4
    read_sac(with_data(file, **fields))
    assert not target.exists()


def test_a_program_in_the_weights_is_refused_and_not_run(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "made"

    def replaced(content: bytes) -> bytes:
        written = io.BytesIO(content)
        out = io.BytesIO()
        with zipfile.ZipFile(written) as old, zipfile.ZipFile(out, "w") as new:
            for name in old.namelist():
                evil = name.endswith("data.pkl")
                new.writestr(name, pickle.dumps(Evil(target), protocol=2) if evil else old.read(name))
        return out.getvalue()

    with pytest.raises(
        InputInvalid, match=r"policy.pth of .*door.zip is not a plain file .*would call posix mkdir"
    ):
        read_sac(altered(file, "policy.pth", replaced))
    assert not target.exists()


def test_tensors_that_share_a_storage_are_told_apart() -> None:
    """Slices of one storage, as a state dict of tied weights has."""
    whole = torch.arange(12, dtype=torch.float32)
    written = io.BytesIO()
    torch.save({"first": whole[:4].view(2, 2), "last": whole[6:]}, written)
    read = read_state_dict(written.getvalue(), "a file")
    assert {name: value.tolist() for name, value in read.items()} == {
        "first": [[0.0, 1.0], [2.0, 3.0]],
        "last": [6.0, 7.0, 8.0, 9.0, 10.0, 11.0],
    }
