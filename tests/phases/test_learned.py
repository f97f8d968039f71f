"""What a run has learned, for programs of one's own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from phases.small_run import SmallRun

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import PHASE_NAMES
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration
from collectiverun_trainer.learned import open_run
from collectiverun_trainer.learned.addresses import CACHE_VARIABLE
from collectiverun_trainer.order import StorageOptions
from collectiverun_trainer.policy_files.collectives import load_collective
from collectiverun_trainer.policy_files.common import CPU
from collectiverun_trainer.rollouts.evaluation import COPIES

ONE, MANY = np.zeros(39), np.zeros((2, 39))
NETWORKS = ("experts", "collective", "students", "controls")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run that has gone through all phases, really trained."""
    folder = tmp_path_factory.mktemp("runs") / "default" / "small-01234567"
    run = SmallRun(root=f"file://{folder}", params={"evaluation": {"videos": False}})
    for phase in PHASE_NAMES:
        run.do(phase)
    return run


@pytest.fixture
def folder(small):
    return Path(small.root.removeprefix("file://"))


@pytest.fixture(scope="module")
def run(small):
    return open_run(small.root)


@pytest.fixture
def policy(run):
    return run.collective()


def record_here(cache, uid, root, name="small"):
    """A state directory as `collectiverun run` keeps it, as far as it is read."""
    document = {
        "metadata": {"name": name},
        "spec": {"storage": {"uri": "file:///runs", "region": "eu-central-1"}},
        "status": {"resolved": {"storageRoot": root}},
    }
    (cache / uid).mkdir(parents=True)
    (cache / uid / "run.json").write_text(json.dumps(document))


def play(policies, environment, goals):
    """Whole episodes; whether each succeeded at any step, at its end, and its return."""
    obs, reward = environment.reset(goals), None
    any_step = np.zeros(len(environment), dtype=np.bool_)
    returns = np.zeros(len(environment))
    copies = environment.copies
    for policy in policies:
        policy.reset()
    for _ in range(environment.settings.horizon):
        rows = [slice(at, at + copies * len(policy.tasks)) for at, policy in starts(policies, copies)]
        action = np.concatenate(
            [
                policy.predict(obs[own], None if reward is None else reward[own])[0]
                for own, policy in zip(rows, policies, strict=True)
            ]
        )
        obs, reward, success_any, at_end = environment.step(action)
        any_step |= success_any
        returns += reward * environment.settings.action_repeat
    return any_step, at_end, returns


def starts(policies, copies):
    at = 0
    for policy in policies:
        yield at, policy
        at += copies * len(policy.tasks)


def policies_of(run, network):
    if network == "collective":
        return [run.collective()]
    one = {"experts": run.expert, "students": run.student, "controls": run.control}[network]
    return [one(task) for task in run.tasks]


@pytest.mark.parametrize("network", NETWORKS)
def test_its_actions_are_those_of_the_evaluation_bit_for_bit(run, network):
    copies = min(COPIES, run.environment.goals)
    environment = run.environments(copies=copies)
    played = play(policies_of(run, network), environment, list(range(copies)) * len(run.tasks))
    recorded = [run.outcomes()[network][task] for task in run.tasks]
    told = ([o.any_step for o in recorded], [o.at_end for o in recorded], [o.returns for o in recorded])
    for values, expected in zip(played, told, strict=True):
        assert np.array_equal(values, np.concatenate(expected))


def test_networks_that_learned_apart_act_apart(run):
    """So that the test above tells them from each other."""
    actions = [policies_of(run, network)[0].predict(ONE)[0].tolist() for network in NETWORKS]
    assert len({tuple(action) for action in actions}) == len(NETWORKS)


def test_it_tells_what_it_is_of(small, run):
    assert run.phases == PHASE_NAMES
    assert run.tasks == small.tasks
    assert run.environment == small.order("evaluation").environment
    assert run.summary()["tasks"]
    assert set(run.outcomes()) == {*NETWORKS, "zero", "shuffled"}


def test_buffers_and_embeddings(run):
    online = run.online_episodes()
    assert online.z is not None
    assert np.allclose(run.embeddings(online), online.z.numpy(), atol=1e-5)
    episodes = run.expert_episodes("drawer-close-v3")
    assert episodes.tasks == (run.task("drawer-close-v3-sawyer"),)
    assert np.allclose(np.linalg.norm(run.embeddings(episodes), axis=1), 1.0, atol=1e-5)


def test_one_episode_needs_no_rows(policy):
    assert policy.predict(ONE)[0].shape == (4,)
    assert policy.predict(list(ONE), 1.5)[0].shape == (4,)


def test_an_expert_needs_no_reward_and_has_no_state(run, policy):
    expert = run.expert("reach-v3")
    assert (expert.needs_reward, policy.needs_reward) == (False, True)
    first, state = expert.predict(MANY)
    assert first.shape == (2, 4)
    assert state is None
    assert np.array_equal(expert.predict(MANY, state=state, episode_start=[True, False])[0], first)


def test_a_state_that_is_kept_is_never_changed(policy):
    """Two loops take turns with one policy, and both go on as if they were alone."""
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 5, 2, 39))
    alone = [play_states(policy, rows) for rows in (one, other)]
    states, together = [None, None], [[], []]
    for step in range(5):
        for loop, rows in enumerate((one, other)):
            begin = np.full(2, step == 0)
            action, states[loop] = policy.predict(rows[step], [1.0, 2.0], states[loop], begin)
            together[loop].append(action)
    assert np.array_equal(np.array(alone), np.array(together))


def play_states(policy, rows):
    policy.reset()
    return [policy.predict(obs, None if step == 0 else [1.0, 2.0])[0] for step, obs in enumerate(rows)]


def test_some_episodes_begin_anew_while_others_go_on(policy):
    rows = np.random.default_rng(0).normal(size=(6, 2, 39))
    through = play_states(policy, rows)
    anew = play_states(policy, rows[3:])
    policy.reset()
    mixed = []
    for step, obs in enumerate(rows):
        reward = None if step == 0 else [1.0, 2.0]
        mixed.append(policy.predict(obs, reward, episode_start=[step == 3, False])[0])
    assert np.array_equal([action[1] for action in mixed], [action[1] for action in through])
    assert np.array_equal([action[0] for action in mixed[3:]], [action[0] for action in anew])
    assert not np.array_equal(mixed[4][0], through[4][0])


def test_of_a_run_that_was_not_refined_it_is_the_distilled_one(small, folder, run, tmp_path):
    assert run.collective().uri == small.artifacts["refinement"][0].uri
    shutil.copytree(folder, tmp_path / "plain")
    shutil.rmtree(tmp_path / "plain" / "refinement")
    assert "/onlineDistillation/" in open_run(tmp_path / "plain").collective().uri


@pytest.mark.parametrize(
    ("mistake", "error", "words"),
    [
        (lambda policy: (policy.predict(ONE), policy.predict(MANY, [1, 2])), ValueError, "call reset where"),
        (lambda policy: policy.predict(ONE[:38]), ValueError, r"obs must be .* not \(38,\)"),
        (lambda policy: policy.predict(np.zeros((0, 39))), ValueError, r"obs must be .* not \(0, 39\)"),
        (lambda policy: (policy.predict(ONE), policy.predict(ONE)), ValueError, "call reset where"),
        (lambda policy: (policy.predict(ONE), policy.predict(ONE, [1, 2])), ValueError, "2 rewards for 1"),
        (
            lambda policy: policy.predict(MANY, episode_start=[True] * 3),
            ValueError,
            "3 flags in episode_start",
        ),
        (lambda policy: policy.predict(ONE, deterministic=False), ValueError, "only the mean action"),
    ],
)
def test_a_mistake_in_a_loop_is_told_with_what_to_do(policy, mistake, error, words):
    with pytest.raises(error, match=words):
        mistake(policy)


@pytest.mark.parametrize("address", ["/nowhere", "file:///nowhere", Path("nowhere"), "./nowhere"])
def test_where_no_run_is_it_says_what_to_give(address):
    with pytest.raises(
        InputInvalid, match=r"nowhere holds no finished phase of a run; give the folder of one"
    ):
        open_run(address)


def test_a_run_is_known_by_its_name(small, tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{")
    record_here(tmp_path, "a", small.root)
    assert open_run("small").root == small.root
    record_here(tmp_path, "b", "file:///elsewhere/default/small-89abcdef")
    assert open_run("small-01234567").root == small.root
    with pytest.raises(
        InputInvalid, match=r"2 runs .* called 'small'; give the root of one: file:.*, file:.*"
    ):
        open_run("small")
    with pytest.raises(InputInvalid, match=r"no run of this machine is called 'smal' \(it knows small\)"):
        open_run("smal")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (lambda run: run.expert("push-v3"), "has no task 'push-v3'; it has reach-v3-sawyer, drawer-close"),
        (lambda run: run.artifact("expert"), "'expert' is no phase; the phases are experts,"),
    ],
)
def test_what_a_run_never_has_is_told_with_what_it_has(run, wish, words):
    with pytest.raises(InputInvalid, match=words):
        wish(run)


def test_what_a_run_has_not_got_yet_is_told(folder, tmp_path):
    for phase in ("experts", "trajectoryTransformer"):
        shutil.copytree(folder / phase, tmp_path / phase)
    early = open_run(tmp_path)
    assert [task.name for task in early.tasks] == ["reach-v3-sawyer", "drawer-close-v3-sawyer"]
    with pytest.raises(InputInvalid, match=r"nothing of phase onlineDistillation: the run has not got there"):
        early.collective()
    with pytest.raises(InputInvalid, match=r"has published experts, trajectoryTransformer"):
        early.outcomes()


def test_a_damaged_network_is_told_with_its_file(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "damaged")
    (file,) = (tmp_path / "damaged" / "refinement").rglob("collective.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputInvalid, match=r"collective\.safetensors is damaged"):
        open_run(tmp_path / "damaged").collective()


def test_a_folder_where_an_artifact_is_needed_is_told_how_to_open_it(folder):
    with pytest.raises(TypeError, match=r"is no Artifact: .*[.]learned\.open_run"):
        load_collective(folder, CPU)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_plain_path_where_a_uri_is_needed_is_told_what_one_is(kind, folder):
    with pytest.raises(
        InvalidConfiguration, match=r"'/.*' is not a storage URI; use s3://bucket/path or file:///path"
    ):
        Artifact.open(Storage(StorageOptions()), kind(folder))
