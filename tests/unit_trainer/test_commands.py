"""Commands of the trainer as processes: what a request or an installation lacks is told in one sentence."""

import json
import subprocess
import sys

import pytest

# The command in a process that lacks a package.
WITHOUT = """
import runpy, sys
package = sys.argv.pop(1)
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing())
runpy.run_module("collectiverun_trainer.commands", run_name="__main__", alter_sys=True)
"""

# The command, and which of the packages it has loaded that take a second or more.
LOADED = """
import atexit, runpy, sys
heavy = {"torch", "metaworld", "numba", "matplotlib", "sklearn"}
atexit.register(lambda: print(sorted(heavy & sys.modules.keys()), file=sys.stderr))
runpy.run_module("collectiverun_trainer.commands", run_name="__main__", alter_sys=True)
"""


def answer(command, request, lacks="nothing-of-that-name"):
    words = [sys.executable, "-c", WITHOUT, lacks, command]
    done = subprocess.run(words, input=json.dumps(request), capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout.splitlines()[-1])["message"]


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("list", "tenacity", "trainer"),
        ("play", "av", "play"),
        ("export-policy", "onnx", "export"),
        ("export-hub", "yaml", "export"),
        ("export-dataset", "pyarrow", "datasets"),
    ],
)
def test_a_package_that_is_missing_is_told_with_its_extra(command, package, extra, tmp_path):
    request = {"root": "/x"} if command == "list" else {"run": "/x", "output": f"{tmp_path}/new.mp4"}
    if command == "export-dataset":
        request["format"] = "lerobot"
    code, message = answer(command, request, lacks=package)
    assert (code, message) == (
        2,
        f"{command} needs the package {package}: pip install 'collectiverun[{extra}]'",
    )


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("list", {"root": "@"}),
        ("compare", {"runs": [{"run": "@"}, {"run": "@"}]}),
        ("play", {"run": "@", "output": "new.webp"}),
        ("export-policy", {"run": "@", "output": "new"}),
        ("export-hub", {"run": "@", "output": "new"}),
        ("export-dataset", {"run": "@", "output": "new", "format": "lerobot"}),
        ("import-sb3", {"model": "@/no.zip", "task": {"env": "reach-v3"}, "output": "@"}),
    ],
)
def test_a_run_that_is_not_there_is_told_before_networks_are_loaded(command, more, tmp_path):
    request = json.loads(json.dumps(more).replace("@", str(tmp_path)))
    words = [sys.executable, "-c", LOADED, command]
    done = subprocess.run(words, input=json.dumps(request), capture_output=True, text=True)
    assert done.stderr == "[]\n", done.stderr
    answered = json.loads(done.stdout)
    assert str(tmp_path) in answered.get("message", str(tmp_path)), answered


def test_a_request_that_is_wrong_is_told_before_anything_heavy_is_loaded(tmp_path):
    (tmp_path / "a").touch()
    wrong = {
        "play": ({"run": "/x", "output": "x.gif"}, "play: output: ends neither in .mp4 nor in .webp"),
        "export-policy": ({"run": "/x", "output": str(tmp_path)}, "export-policy: output: is there already"),
        "export-hub": ({"run": "/x", "output": str(tmp_path)}, "export-hub: output: is there already"),
        "export-dataset": (
            {"run": "/x", "output": "new", "format": "csv"},
            "export-dataset: format: Input should be 'minari' or 'lerobot' (it is 'csv')",
        ),
    }
    for command, (request, sentence) in wrong.items():
        code, message = answer(command, request, lacks="torch")
        assert code == 2
        assert message.startswith(sentence)
