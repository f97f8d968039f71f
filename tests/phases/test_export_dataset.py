"""Exported datasets hold every number of the buffers; Minari reads its own, LeRobot's are as its format says.

lerobot can't be installed beside this project's torch: `benchmarks/lerobot_reads.py` lets it read them.
"""

import json
from pathlib import Path

import minari
import numpy as np
import pyarrow.parquet as pq
import pytest
from phases.small_run import SmallRun
from pydantic import ValidationError

from collectiverun_trainer.commands.export_dataset import run as export
from collectiverun_trainer.commands.requests import ExportDatasetRequest
from collectiverun_trainer.errors import InputInvalid, Usage
from collectiverun_trainer.export.datasets import lerobot_files
from collectiverun_trainer.export.datasets.document import DatasetDocument
from collectiverun_trainer.export.datasets.episodes import one_by_one
from collectiverun_trainer.learned import open_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Experts, an encoder and a collective, really trained."""
    small = SmallRun(root=f"file://{tmp_path_factory.mktemp('runs')}/default/small-01234567")
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        small.do(phase)
    return open_run(small.root)


def exported(run, folder, **wish):
    return export(ExportDatasetRequest(run=run.root, output=str(folder), **wish))


def recorded(run, buffer):
    """Its episodes as the run itself reads them."""
    if buffer == "online":
        return list(one_by_one([run.online_episodes()]))
    return list(one_by_one(run.expert_episodes(task) for task in run.tasks))


@pytest.mark.parametrize("buffer", ["experts", "online"])
def test_minari_reads_every_number(run, buffer, tmp_path, monkeypatch):
    told = exported(run, tmp_path / "new", format="minari", buffer=buffer)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "new"))
    dataset = minari.load_dataset(told["dataset"])
    expected = recorded(run, buffer)
    assert (dataset.total_episodes, dataset.total_steps) == (len(expected), sum(map(len, expected)))
    horizon = run.environment.horizon
    for found, episode in zip(dataset, expected, strict=True):
        assert np.array_equal(found.observations, episode.obs)
        assert np.array_equal(found.actions, episode.action)
        assert np.array_equal(found.rewards, episode.reward)
        assert not found.terminations.any()
        assert np.flatnonzero(found.truncations).tolist() == [horizon - 1]
        assert found.infos["success"].tolist() == [False, *episode.success.tolist()]
        assert dataset.observation_space.contains(found.observations[0])
        assert dataset.action_space.contains(found.actions[-1])
    for kept, episode in zip(
        dataset.storage.get_episode_metadata(range(len(expected))), expected, strict=True
    ):
        assert (kept["task"], kept["robot"]) == (episode.task.name, "sawyer")
        assert (kept["source"], kept["goal"]) == (episode.source, episode.goal)
        assert kept["held_out"] == episode.held_out


def test_minari_is_told_where_it_comes_from(run, tmp_path):
    told = exported(run, tmp_path / "new", format="minari")
    data = minari.MinariDataset(tmp_path / "new" / told["dataset"] / "data")
    metadata = data.storage.metadata
    assert told["dataset"] == "small-01234567-experts-v0"
    assert metadata["algorithm_name"] == "sac"
    assert metadata["requirements"] == ["metaworld==3.1.1"]
    document = DatasetDocument.model_validate(metadata["collectiverun"])
    assert document.run == "default/small-01234567"
    assert document.artifacts == {"experts/all": run.artifact("experts").manifest_sha256}
    assert document.sources == {"training": 6, "policy": 4}
    assert document.environment == run.environment
    assert str(tmp_path.parent) not in json.dumps(document.model_dump(mode="json"))


@pytest.fixture(scope="module")
def lerobot(run, tmp_path_factory):
    """A dataset of the online buffer in LeRobot's format, in files of one episode each, and what was told."""
    folder = tmp_path_factory.mktemp("lerobot") / "new"
    told = exported(run, folder, format="lerobot", buffer="online")
    document = DatasetDocument.model_validate_json((folder / "meta/collectiverun.json").read_text())
    many = folder.parent / "many"
    lerobot_files.write(many, document, one_by_one([run.online_episodes()]), file_megabytes=0)
    return folder, many, told


def as_info_says(folder):
    """The frames and the episodes, found as a reader of the format finds them."""
    info = json.loads((folder / "meta/info.json").read_text())
    episodes = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    places = [(row["data/chunk_index"], row["data/file_index"]) for row in episodes]
    files = [
        info["data_path"].format(chunk_index=chunk, file_index=file) for chunk, file in dict.fromkeys(places)
    ]
    assert sorted(files) == sorted(str(p.relative_to(folder)) for p in (folder / "data").rglob("*.parquet"))
    tables = [pq.read_table(folder / file) for file in files]
    return info, episodes, tables


def test_the_frames_of_lerobot_are_the_recorded_ones(run, lerobot):
    expected = recorded(run, "online")
    for folder in lerobot[:2]:
        info, episodes, tables = as_info_says(folder)
        columns = {name: np.concatenate([t[name].to_numpy() for t in tables]) for name in info["features"]}
        assert all(table.schema.names == list(info["features"]) for table in tables)
        assert np.array_equal(
            np.stack(columns["observation.state"]), np.concatenate([e.obs[:-1] for e in expected])
        )
        assert np.array_equal(np.stack(columns["action"]), np.concatenate([e.action for e in expected]))
        assert np.array_equal(columns["next.reward"], np.concatenate([e.reward for e in expected]))
        assert np.array_equal(columns["next.success"], np.concatenate([e.success for e in expected]))
        assert not columns["next.terminated"].any()
        assert np.array_equal(columns["next.done"], columns["next.truncated"])
        ends = [row["dataset_to_index"] - 1 for row in episodes]
        assert np.flatnonzero(columns["next.done"]).tolist() == ends
        assert np.array_equal(columns["index"], np.arange(info["total_frames"]))
        assert np.allclose(columns["timestamp"], columns["frame_index"] / info["fps"])
        assert (info["codebase_version"], info["fps"], info["video_path"]) == ("v3.0", 40, None)


def test_a_file_that_is_full_is_followed_by_another(run, lerobot):
    _, one, _ = as_info_says(lerobot[0])
    _, many, _ = as_info_says(lerobot[1])
    assert {row["data/file_index"] for row in one} == {0}
    assert [row["data/file_index"] for row in many] == list(range(len(many)))
    assert len(one) == len(many) == len(run.online_episodes())


def test_the_episodes_of_lerobot_say_who_acted_on_what(run, lerobot):
    info, episodes, _ = as_info_says(lerobot[0])
    first = 0
    for number, (row, episode) in enumerate(zip(episodes, recorded(run, "online"), strict=True)):
        assert (row["episode_index"], row["length"], row["tasks"]) == (
            number,
            len(episode),
            [episode.task.name],
        )
        assert (row["dataset_from_index"], row["dataset_to_index"]) == (first, first + len(episode))
        assert (row["source"], row["goal"], row["held_out"]) == (
            episode.source,
            episode.goal,
            episode.held_out,
        )
        assert np.array_equal(np.float32(row["last_observation"]), episode.obs[-1])
        assert np.allclose(row["stats/observation.state/max"], episode.obs[:-1].max(0))
        assert row["stats/action/count"] == [len(episode)]
        first += len(episode)
    assert first == info["total_frames"]


def test_the_statistics_of_lerobot_are_those_of_all_frames(run, lerobot):
    stats = json.loads((lerobot[0] / "meta/stats.json").read_text())
    obs = np.concatenate([episode.obs[:-1] for episode in recorded(run, "online")]).astype(np.float64)
    expected = {"mean": obs.mean(0), "std": obs.std(0), "q90": np.quantile(obs, 0.9, axis=0)}
    for name, values in expected.items():
        assert np.allclose(stats["observation.state"][name], values)
    assert stats["next.reward"]["count"] == [len(obs)]
    assert len(stats["next.reward"]["min"]) == 1


def test_pandas_finds_the_tasks_as_their_tables_index(run, lerobot):
    """As lerobot reads them; what pandas goes by stands in the file's metadata."""
    table = pq.read_table(lerobot[0] / "meta/tasks.parquet")
    assert table.to_pylist() == [{"task_index": i, "task": t.name} for i, t in enumerate(run.tasks)]
    assert json.loads(table.schema.metadata[b"pandas"])["index_columns"] == ["task"]


@pytest.mark.parametrize("form", ["minari", "lerobot"])
def test_only_what_was_asked_for_is_taken(run, form, tmp_path):
    wish = {"tasks": ("drawer-close-v3",), "sources": ("policy",)}
    told = exported(run, tmp_path / "new", format=form, **wish)
    assert (told["sources"], told["episodes"]) == ({"policy": 2}, 2)
    assert told["tasks"] == [{"env": "drawer-close-v3", "robot": "sawyer"}]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"sources": ["me"]}, r"no source is called 'me'; they are training, policy, random,"),
        (
            {"sources": ["crossed"]},
            r"experts buffer of .* has no episodes of crossed; it has training, policy$",
        ),
        ({"output": "/proc/new"}, r"^/proc/new can't be written: No such file or directory$"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(run, wish, words, tmp_path):
    with pytest.raises(Usage, match=words):
        exported(run, **({"folder": wish.pop("output", tmp_path / "new"), "format": "lerobot"} | wish))


def test_a_task_that_the_run_has_not_is_told_as_everywhere(run, tmp_path):
    with pytest.raises(InputInvalid, match="has no task 'push-v3'; it has reach-v3-sawyer, drawer-close"):
        exported(run, tmp_path / "new", format="lerobot", tasks=["push-v3"])


def test_a_folder_with_something_in_it_is_left_alone(run, tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(ValidationError, match="is there already, and no empty folder"):
        exported(run, tmp_path, format="minari")


def test_a_buffer_that_the_run_has_not_got_is_told(tmp_path):
    small = SmallRun(
        root=f"file://{tmp_path}/default/small-01234567", params={"experts": {"source": "scripted"}}
    )
    small.do("experts")
    run = open_run(small.root)
    with pytest.raises(InputInvalid, match="nothing of phase onlineDistillation: the run has not got there"):
        exported(run, tmp_path / "new", format="lerobot", buffer="online")
    assert exported(run, tmp_path / "new", format="lerobot")["algorithms"] == ["scripted"]
    assert not list(Path(tmp_path / "new").rglob("*.hdf5"))
