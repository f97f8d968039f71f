"""Exported policies: bundles that act as torch does, and need onnxruntime and numpy alone."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from phases.small_run import SmallRun

from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.export.act import Policy
from collectiverun_trainer.export.bundle import TOLERANCE, write_bundle
from collectiverun_trainer.learned import open_run

# A process in which nothing of the project, nor torch, can be imported.
ALONE = """
import runpy, sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "onnx", "metaworld", "mujoco", "collectiverun_trainer"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nothing())
runpy.run_path(sys.argv[1], run_name="__main__")
"""


# torch's exporter loads its compiler, which crashes in a process in which Mesa has drawn, as other tests have
# in this one. So it has a process of its own, as it has for users.
EXPORT = (
    "import sys; from collectiverun_trainer.commands.__main__ import main; sys.exit(main(['export-policy']))"
)
DISTRUSTFUL = "import collectiverun_trainer.export.bundle as bundle; bundle.TOLERANCE = -1.0; "


def exported(run, folder, code=0, program=EXPORT, **request):
    """The answer of the command that exports, which ends with `code`."""
    words = [sys.executable, "-c", program]
    wish = json.dumps({"run": run.root, "output": str(folder)} | request)
    done = subprocess.run(words, input=wish, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Experts, an encoder and a collective, really trained."""
    small = SmallRun(root=f"file://{tmp_path_factory.mktemp('runs')}/default/small-01234567")
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        small.do(phase)
    return open_run(small.root)


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    exported(run, folder, network="collective")
    return folder


def test_the_collective_acts_as_in_torch_over_whole_episodes(run, bundle):
    check = json.loads((bundle / "policy.json").read_text())["check"]
    assert check["episodes"] == 2 * len(run.tasks)
    assert check["decisions"] == check["episodes"] * run.environment.horizon
    assert 0 <= check["largestDifference"] <= TOLERANCE


def test_it_acts_on_episodes_side_by_side_longer_than_its_window(run, bundle):
    exported, policy = Policy(bundle), run.collective()
    window = exported.document["window"]["decisions"]
    generator, reward = np.random.default_rng(0), None
    exported.reset(3)
    policy.reset()
    for _ in range(3 * window):
        obs = generator.normal(0.3, 0.3, (3, 39)).astype(np.float32)
        assert np.allclose(exported.predict(obs, reward), policy.predict(obs, reward)[0], atol=TOLERANCE)
        reward = generator.uniform(0, 10, 3).astype(np.float32)


def test_the_example_needs_onnxruntime_and_numpy_alone(bundle, tmp_path):
    words = [sys.executable, "-c", ALONE, str(bundle / "act.py")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    decisions, difference = done.stdout.split(
        " decisions, the largest difference of an action from torch's is "
    )
    assert int(decisions) == len(json.loads((bundle / "example.json").read_text()))
    assert float(difference) <= TOLERANCE


def test_the_document_is_as_its_schema_says(bundle):
    schema = json.loads((bundle / "policy.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    document = json.loads((bundle / "policy.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(document)) == []
    assert list(Draft202012Validator(schema).iter_errors(document | {"window": {"decisions": "T"}}))
    assert document["encoder"]["inputs"][0]["shape"] == ["n", document["window"]["decisions"], 39]


def test_an_expert_is_one_graph(run, tmp_path):
    exported(run, tmp_path, network="expert", task="drawer-close-v3")
    document = json.loads((tmp_path / "policy.json").read_text())
    assert (document["encoder"], document["window"]) == (None, None)
    obs = np.random.default_rng(0).normal(size=(5, 39)).astype(np.float32)
    expected, _ = run.expert("drawer-close-v3").predict(obs)
    assert np.allclose(Policy(tmp_path).predict(obs), expected, atol=TOLERANCE)


def test_a_bundle_that_acts_otherwise_is_refused(run, tmp_path):
    wish = {"network": "expert", "task": "drawer-close-v3"}
    answer = exported(run, tmp_path, InputInvalid.exit_code, DISTRUSTFUL + EXPORT, **wish)
    assert re.search(r"acts otherwise than torch: .* nothing was written", answer["message"])
    assert list(tmp_path.iterdir()) == []


def test_a_script_is_no_network(tmp_path):
    small = SmallRun(
        root=f"file://{tmp_path}/default/small-01234567", params={"experts": {"source": "scripted"}}
    )
    small.do("experts")
    with pytest.raises(InputInvalid, match="is Meta-World's own script: there is no network to export"):
        write_bundle(open_run(small.root).expert("reach-v3"), "expert", tmp_path / "bundle")
