"""What a person may do wrong: each ends in one sentence with what is at fault, and a documented exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from contract.collectiverun_command import WAIT_SECONDS, endless_run, has_started, start
from contract.finished_run import FinishedRun
from support.command_here import Said, said_here
from testbed.waiting import eventually

from collectiverun_operator.cli import main, plugin

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)
LONGEST = 600  # of a sentence with two long paths in it
WRONG_OPTION, UNKNOWN, REFUSED, NOT_THERE, NO_ANSWER = 2, 2, 3, 4, 5


@dataclass(frozen=True)
class Place:
    """A folder with what wrong uses are about, and how they begin in it."""

    folder: Path
    variables: Mapping[str, str]

    def text(self, text: str) -> str:
        """With the folder in the place of `@`."""
        return text.replace("@", str(self.folder))


class _NoRights(BaseHTTPRequestHandler):
    """An API server whose user may do nothing but ask for its version."""

    def do_GET(self) -> None:
        """Refuse, as the API server does."""
        is_allowed = self.path == "/version"
        status = {
            "kind": "Status",
            "code": 403,
            "reason": "Forbidden",
            "message": "user joe may not list runs",
        }
        content = json.dumps({} if is_allowed else status).encode()
        self.send_response(200 if is_allowed else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, *_: object) -> None:
        """Say nothing."""


def _kubeconfig(path: Path, address: str) -> Path:
    entry = {
        "name": "it",
        "cluster": {"server": address},
        "user": {},
        "context": {"cluster": "it", "user": "it"},
    }
    parts = {"clusters": "cluster", "users": "user", "contexts": "context"}
    document = {many: [{"name": "it", one: entry[one]}] for many, one in parts.items()}
    path.write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "it", **document})
    )
    return path


@pytest.fixture(scope="module")
def place(quickstart: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Beside a finished run: one that was killed, two of one name, damaged ones, files of a wrong kind."""
    folder = tmp_path_factory.mktemp("wrong")
    cache = shutil.copytree(quickstart.cache, folder / "cache")
    _killed_run(folder / "killed", cache)
    _twins(cache)
    _damaged(quickstart, folder, cache)
    (folder / "file").write_text("neither YAML: nor: a zip")
    (folder / "report.pdf").write_text("")
    (folder / "dump.tar.gz").write_text("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NoRights)
    Thread(target=server.serve_forever, daemon=True).start()
    _kubeconfig(folder / "forbidden", f"http://127.0.0.1:{server.server_port}")
    _kubeconfig(folder / "silent", "http://127.0.0.1:9")
    # A package that is not installed: one that fails to import stands before it.
    (folder / "without/av").mkdir(parents=True)
    (folder / "without/av/__init__.py").write_text("raise ModuleNotFoundError(name='av')")
    yield Place(
        folder, {"COLLECTIVERUN_CACHE": str(cache), "OMP_NUM_THREADS": "1", "KUBECONFIG": f"{folder}/none"}
    )
    server.shutdown()


def _killed_run(folder: Path, cache: Path) -> None:
    folder.mkdir()
    path = endless_run(folder)
    driver = start(path, smoke=False)
    eventually(lambda: has_started(path, "experts"), "an attempt of the experts")
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    shutil.copytree(folder / "cache", cache, dirs_exist_ok=True)


def _twins(cache: Path) -> None:
    (original,) = (path.parent for path in cache.glob("*/run.json") if b"quickstart" in path.read_bytes())
    for uid in ("11111111-0000", "22222222-0000"):
        copy = shutil.copytree(original, cache / uid)
        body = json.loads((copy / "run.json").read_text())
        body["metadata"] |= {"uid": uid, "name": "twin"}
        (copy / "run.json").write_text(json.dumps(body))


def _damaged(quickstart: FinishedRun, folder: Path, cache: Path) -> None:
    """A state directory, an artifact's file, and artifacts of another version."""
    state = shutil.copytree(cache / "11111111-0000", cache / "33333333-0000")
    (state / "run.json").write_text('{"metadata": {"name": "torn", "uid": ')
    torn = shutil.copytree(quickstart.root, folder / "torn-0123abcd")
    summary = next(torn.glob("evaluation/all/attempt-1/*/summary.json"))
    summary.write_bytes(summary.read_bytes()[:-1])
    other = shutil.copytree(quickstart.root, folder / "other-0123abcd")
    for manifest in other.glob("*/*/attempt-1/*/manifest.json"):
        manifest.write_text(
            manifest.read_text().replace("collectiverun-artifact/1", "collectiverun-artifact/9")
        )
        digest = subprocess.run(
            ["sha256sum", manifest], capture_output=True, text=True, check=True
        ).stdout.split()[0]
        (manifest.parent / "_SUCCESS").write_text(digest)


COMMANDS: dict[str, tuple[int, str]] = {
    # Words: exit code, and what the sentence has to say. `@` is the folder of the test.
    "nothing": (WRONG_OPTION, "No such command 'nothing'. Try 'collectiverun --help'."),
    "--nothing": (WRONG_OPTION, "No such option: --nothing"),
    "robots nothing": (WRONG_OPTION, "No such command 'nothing'. Try 'collectiverun robots --help'."),
    "status": (WRONG_OPTION, "Missing argument 'NAME'. Try 'collectiverun status --help'."),
    "status quickstart again": (WRONG_OPTION, "unexpected extra argument(s) (again)"),
    "status quickstart --jsn": (WRONG_OPTION, "No such option: --jsn"),
    "status quik": (UNKNOWN, "no run of this machine is called 'quik'; it knows quickstart, tiny, twin"),
    "status twin": (UNKNOWN, "2 runs of this machine are called 'twin'; say which: twin-11111111"),
    "status torn": (NOT_THERE, "33333333-0000/run.json is damaged"),
    "status quickstart --cache @/file": (UNKNOWN, "@/file knows none; a run is begun by"),
    "status quickstart --kubernetes": (NO_ANSWER, "there is no kubeconfig at @/none"),
    "list --context other": (WRONG_OPTION, "--context other is about a cluster; add --kubernetes"),
    "status quickstart -n mine": (WRONG_OPTION, "--namespace mine is about a cluster; add --kubernetes"),
    "list --kubernetes @": (WRONG_OPTION, "--kubernetes lists the runs of a cluster, and @ is a"),
    "list --html a.html": (WRONG_OPTION, "--html makes a page of the runs below a storage root;"),
    "list @ --html a.pdf": (WRONG_OPTION, "list: html: ends neither in .html nor in .htm"),
    "list @/cache": (NOT_THERE, "@/cache holds no run that has published anything"),
    "list ftp://x/y": (REFUSED, "'ftp://x/y' is not a storage URI; use s3://bucket/path or file:///path"),
    "list s3://bucket/a --endpoint nowhere": (REFUSED, "storage.endpoint 'nowhere'"),
    "logs quickstart expert": (UNKNOWN, "default/quickstart has no phase or member 'expert'; it has"),
    "logs quickstart --attempt 7": (NOT_THERE, "nothing of attempt 7 of any member"),
    "logs quickstart --attempt 0": (NOT_THERE, "nothing of attempt 0 of any member"),
    "logs quickstart --attempt one": (WRONG_OPTION, "Invalid value for '--attempt'"),
    "report tiny": (NOT_THERE, "default/tiny has no report: it is Interrupted"),
    "report quik": (UNKNOWN, "no run of this machine is called 'quik'"),
    "play quickstart": (WRONG_OPTION, "play writes a film (--output FILE) or opens a window (--live)"),
    "play quickstart --live -o a.webp": (WRONG_OPTION, "give one of the two"),
    "play quickstart -o a.gif": (WRONG_OPTION, "play: output: ends neither in .mp4 nor in .webp"),
    "play quickstart -o @/no/a.webp": (WRONG_OPTION, "there is no folder @/no"),
    "play quickstart -o a.webp --size 9": (WRONG_OPTION, "greater than or equal to 64 (it is 9)"),
    "play quickstart -o a.webp --network boss": (WRONG_OPTION, "(it is 'boss')"),
    "play quickstart -o a.webp --goal 99": (WRONG_OPTION, "there is no goal 99; the run's goals are 0 to"),
    "play quickstart -o a.webp --task reech-v3": (WRONG_OPTION, "no task is called 'reech-v3': unknown task"),
    "play quickstart -o a.webp --network student": (NOT_THERE, "has published nothing of phase students"),
    "play @/nowhere -o a.webp": (NOT_THERE, "@/nowhere holds no finished phase of a run"),
    "play @/other-0123abcd -o a.webp": (NOT_THERE, "has format 'collectiverun-artifact/9'; this"),
    "play quickstart -o a.mp4": (WRONG_OPTION, "package av: pip install 'collectiverun[play]'"),
    "compare quickstart": (WRONG_OPTION, "one run alone can't be compared; name two or more"),
    "compare quickstart quickstart": (WRONG_OPTION, "is named twice"),
    "compare quickstart @/torn-0123abcd": (NOT_THERE, "summary.json is damaged: it has"),
    "compare quickstart tiny": (NOT_THERE, "tiny"),
    "compare quickstart twin-11111111 -o a.pdf": (WRONG_OPTION, "compare: output: ends neither in .html"),
    "export policy quickstart -o @/cache": (WRONG_OPTION, "no empty folder; name a new one"),
    "export policy quickstart -o @/x --task reech-v3": (WRONG_OPTION, "no task is called 'reech-v3'"),
    "import sb3 @/no.zip --task reach-v3 -o @/x": (NOT_THERE, "there is no file @/no.zip"),
    "import sb3 @/file --task reach-v3 -o @/x": (NOT_THERE, "@/file can't be read as a zip file"),
    "import sb3 @/file --task reech-v3 -o @/x": (WRONG_OPTION, "'reech-v3'; did you mean 'reach-v3'"),
    "import sb3 @/file --task reach-v3 --robot bender -o @/x": (WRONG_OPTION, "unknown robot 'bender'"),
    "import sb3 @/file --task sweep-v3 -f @/killed/run.yaml -o x": (WRONG_OPTION, "no task sweep-v3"),
    "import sb3 @/file --task reach-v3 --smoke -o @/x": (WRONG_OPTION, "name it with --file"),
    "debug-dump quik": (UNKNOWN, "no run of this machine is called 'quik'"),
    "debug-dump quickstart -o @/dump.tar.gz": (WRONG_OPTION, "@/dump.tar.gz is there already; remove it"),
    "debug-dump quickstart -o @/no/a.tar.gz": (WRONG_OPTION, "@/no/a.tar.gz can't be written: No such file"),
    "robots list --pictures @/file": (WRONG_OPTION, "pictures can't be written to '@/file': File exists"),
    "validate": (WRONG_OPTION, "Missing option '--file' / '-f'. Try 'collectiverun validate --help'."),
    "validate -f @/no.yaml": (WRONG_OPTION, "@/no.yaml can't be read: No such file or directory"),
    "validate -f @": (WRONG_OPTION, "@ can't be read: Is a directory"),
    "validate -f @/file": (WRONG_OPTION, "@/file is not YAML: line 1"),
}  # fmt: skip
PLUGIN: dict[str, tuple[str, int, str]] = {
    # Words: kubeconfig, exit code, and what the sentence has to say.
    "nothing": ("none", WRONG_OPTION, "No such command 'nothing'. Try 'kubectl collectiverun --help'."),
    "status": ("none", WRONG_OPTION, "Missing argument 'NAME'. Try 'kubectl collectiverun status --help'."),
    "list": ("none", NO_ANSWER, "at @/none; set KUBECONFIG to a kubeconfig file, or run this in a Pod"),
    "status demo": ("file", NO_ANSWER, "the kubeconfig @/file can't be read"),
    "status demo --context prod": ("silent", NO_ANSWER, "has no context 'prod'; it has it"),
    "status demo --kubeconfig @/gone": ("silent", NO_ANSWER, "there is no kubeconfig at @/gone"),
    "status demo --kubeconfig @/forbidden": ("silent", REFUSED, "user joe may not list runs"),
    "report demo": ("silent", NO_ANSWER, "127.0.0.1:9"),
    "logs demo": ("forbidden", REFUSED, "user joe may not list runs"),
    "debug-dump demo": ("forbidden", REFUSED, "user joe may not list runs"),
}


def _assert_one_sentence(place: Place, said: Said, code: int, told: str) -> None:
    ended, output, error = said
    assert (ended, output) == (code, ""), said
    assert place.text(told) in error
    assert error.count("\n") == 1
    assert len(error) < LONGEST
    assert "Traceback" not in error


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The place as a command's folder and environment."""
    monkeypatch.chdir(place.folder)
    for name, value in place.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([f"{place.folder}/without", *os.environ.get("PYTHONPATH", "").split()])
    )
    return place


@pytest.mark.parametrize("words", COMMANDS)
def test_a_wrong_use_ends_in_one_sentence(words, here, monkeypatch, capfd) -> None:
    code, told = COMMANDS[words]
    said = said_here(main.main, ["collectiverun", *here.text(words).split()], monkeypatch, capfd)
    _assert_one_sentence(here, said, code, told)


@pytest.mark.parametrize("words", PLUGIN)
def test_a_wrong_use_of_the_plugin_does_too(words, here, monkeypatch, capfd) -> None:
    kubeconfig, code, told = PLUGIN[words]
    monkeypatch.setenv("KUBECONFIG", f"{here.folder}/{kubeconfig}")
    said = said_here(plugin.main, ["kubectl-collectiverun", *here.text(words).split()], monkeypatch, capfd)
    _assert_one_sentence(here, said, code, told)
