"""The programs in README and docs/after-the-run.md, as they stand there, on a run of the name they give."""

import re
from pathlib import Path

import pytest
from contract.collectiverun_command import WAIT_SECONDS

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)
ROOT = Path(__file__).parents[2]


def programs(page):
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_readmes_program(quickstart):
    (program,) = programs("README.md")
    done = quickstart.python(program)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"reach-v3-sawyer ends (in|without) success\n", done.stdout)


def test_the_programs_of_the_page_one_after_the_other(quickstart):
    found = programs("docs/after-the-run.md")
    assert len(found) == 3
    done = quickstart.python("\n".join(found))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"file://{quickstart.root}\n")
    assert re.search(r"^\d+ episodes of \d+ decisions$", done.stdout, re.MULTILINE)
    assert re.search(r"^collective door-close-v3-sawyer [\d.]+ [\d.]+ [\d.]+$", done.stdout, re.MULTILINE)
