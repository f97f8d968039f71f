"""What a run has learned, in a loop of one's own; and the README's few lines, as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from phases.small_run import SmallRun

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration
from collectiverun_trainer.learned import load_policy
from collectiverun_trainer.order import StorageOptions
from collectiverun_trainer.policy_files import CPU, load_collective
from collectiverun_trainer.rollouts.play import play

README = (Path(__file__).parents[2] / "README.md").read_text()
ONE, MANY = np.zeros(39), np.zeros((2, 39))


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A folder in which the demo has run, as it is small."""
    return tmp_path_factory.mktemp("repository")


@pytest.fixture(scope="module")
def run(repository):
    folder = repository / "examples/runs/default/quickstart-01234567"
    small = SmallRun(root=f"file://{folder}")
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        small.do(phase)
    return small


@pytest.fixture
def folder(run):
    return Path(run.root.removeprefix("file://"))


@pytest.fixture
def policy(folder):
    return load_policy(folder)


def test_the_readmes_lines_run_as_they_stand(run, repository):
    (program,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    done = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"reach-v3-sawyer ends (in|without) success\n", done.stdout)


def test_it_acts_as_the_phases_let_it_act(run, policy):
    collective = load_collective(
        Artifact.open(Storage(StorageOptions()), run.artifacts["onlineDistillation"][0].uri), CPU
    )
    environment = VectorEnvironment(policy.tasks, policy.environment)
    assert policy.tasks == run.tasks
    assert policy.environment == run.order("evaluation").environment
    for _ in range(2):
        policy.reset(len(environment))
        reward = None
        for decision in play(environment, collective.policy(), [1, 2]):
            assert np.array_equal(policy.predict(decision.obs, reward), decision.action)
            reward = decision.reward


def test_one_episode_needs_no_rows(policy):
    policy.reset()
    assert policy.predict(ONE).shape == (4,)
    assert policy.predict(list(ONE), 1.5).shape == (4,)


def test_of_a_run_that_was_refined_it_is_the_refined_one(run, folder, tmp_path):
    assert load_policy(run.root).uri == run.artifacts["onlineDistillation"][0].uri
    shutil.copytree(folder, tmp_path / "refined")
    small = SmallRun(root=f"file://{tmp_path}/refined", artifacts=dict(run.artifacts))
    uri = small.do("refinement").uri
    assert [load_policy(address).uri for address in (small.root, uri)] == [uri, uri]


@pytest.mark.parametrize(
    ("mistake", "error", "words"),
    [
        (lambda policy: policy.predict(ONE), ValueError, r"1 observations for 0 episodes: .* reset\(n\)"),
        (lambda policy: (policy.reset(), policy.predict(MANY)), ValueError, "2 observations for 1 episodes"),
        (
            lambda policy: (policy.reset(), policy.predict(ONE[:38])),
            ValueError,
            r"obs must be .* not \(38,\)",
        ),
        (
            lambda policy: (policy.reset(), policy.predict(ONE), policy.predict(ONE)),
            ValueError,
            "call reset where",
        ),
        (
            lambda policy: (policy.reset(), policy.predict(ONE), policy.predict(ONE, [1, 2])),
            ValueError,
            "2 rewards",
        ),
    ],
)
def test_a_mistake_in_a_loop_is_told_with_what_to_do(policy, mistake, error, words):
    with pytest.raises(error, match=words):
        mistake(policy)


@pytest.mark.parametrize("address", ["/nowhere", "file:///nowhere", Path("nowhere")])
def test_where_no_collective_is_it_says_what_to_give(address):
    with pytest.raises(InputInvalid, match=r"nowhere holds no collective; give the folder of a run"):
        load_policy(address)


def test_a_folder_where_an_artifact_is_needed_is_told_how_to_open_it(folder):
    with pytest.raises(TypeError, match=r"is no Artifact: .*[.]learned\.load_policy"):
        load_collective(folder, CPU)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_plain_path_where_a_uri_is_needed_is_told_what_one_is(kind, folder):
    with pytest.raises(
        InvalidConfiguration, match=r"'/.*' is not a storage URI; use s3://bucket/path or file:///path"
    ):
        Artifact.open(Storage(StorageOptions()), kind(folder))
