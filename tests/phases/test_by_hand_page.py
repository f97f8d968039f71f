"""The page on phases by hand does what it says: its commands go through every phase."""

import json
import re
import subprocess
import sys
from pathlib import Path

from collectiverun_trainer.config import PHASES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/phases/by-hand.md").read_text()


def run(folder: Path, commands: str) -> subprocess.CompletedProcess[str]:
    """The commands with this Python, below another folder than all the world's."""
    own = commands.replace("$PWD/.venv/bin/python", sys.executable).replace("/tmp/by-hand", str(folder))
    return subprocess.run(["bash", "-euc", own], cwd=ROOT, capture_output=True, text=True)


def test_the_commands_go_through_every_phase_and_report_one_again(tmp_path):
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    again = re.findall(r"^\$python -m .* evaluation .*$", PAGE, re.MULTILINE)
    done = run(tmp_path, "\n".join((*blocks, "cp evaluation.jsonl first", *again)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("report.html")
    for phase in (name for name, entry in PHASES.items() if not entry.only_of_several_seeds):
        assert result(tmp_path / f"{phase}.jsonl")["exitCode"] == 0
        assert len(list((tmp_path / phase / "all").glob("attempt-*/*/_SUCCESS"))) == 1
    first = result(tmp_path / "first")
    assert first.pop("peakMemoryBytes") and first.pop("cpuSeconds")  # of the process that did the work
    assert result(tmp_path / "evaluation.jsonl") == first
    assert "already published" in (tmp_path / "evaluation.jsonl").read_text()


def result(path: Path) -> dict[str, object]:
    """The last line."""
    line: dict[str, object] = json.loads(path.read_text().splitlines()[-1])
    assert line["kind"] == "result"
    return line
