"""Conventions that break things quietly when they are not kept."""

import operator
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_standard_library_operator_is_not_shadowed():
    assert not Path(operator.__file__).is_relative_to(ROOT / "operator")


def test_the_folders_of_the_halves_are_not_packages():
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not (ROOT / "trainer" / "__init__.py").exists()
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_package_states_its_job():
    packages = [
        path for half in ("operator", "trainer", "testbed") for path in (ROOT / half).rglob("__init__.py")
    ]
    assert packages
    silent = [str(path.relative_to(ROOT)) for path in packages if not path.read_text().startswith('"""')]
    assert silent == []


def test_typed_parameters_load_without_anything_heavy():
    program = (
        "import sys, collectiverun_trainer.config, collectiverun_trainer.order;"
        "print(sorted({'torch', 'numpy', 'metaworld', 'fsspec'} & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"


def test_nothing_is_unpickled():
    forbidden = (r"import pickle\b", r"torch\.load\(", "allow_pickle=True", "cloudpickle")
    sources = [*(ROOT / "operator").rglob("*.py"), *(ROOT / "trainer").rglob("*.py")]
    found = [(path.name, word) for path in sources for word in forbidden if re.search(word, path.read_text())]
    assert found == []


def test_the_modules_that_a_document_names_are_there():
    operator_package, trainer_package = (
        ROOT / "operator/collectiverun_operator",
        ROOT / "trainer/collectiverun_trainer",
    )
    places = [ROOT, operator_package, operator_package / "plan", trainer_package]
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs/phases").glob("*.md"),
    ]
    named = {(page.name, name) for page in pages for name in re.findall(r"`([\w/]+\.py)`", page.read_text())}
    assert ("architecture.md", "api/run.py") in named
    assert [name for name in sorted(named) if not any((place / name[1]).exists() for place in places)] == []


def test_every_document_can_be_reached_from_the_readme():
    reached, to_read = set(), [ROOT / "README.md"]
    while to_read:
        page = to_read.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
        to_read += [(page.parent / link).resolve() for link in links]
    # Decisions are found by their folder, which CONTRIBUTING.md names.
    written = {page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "adr"}
    assert sorted(str(page.relative_to(ROOT)) for page in written - reached) == []


def test_the_readme_itself_links_how_runs_go_on_this_machine():
    assert "](docs/this-machine.md)" in (ROOT / "README.md").read_text()
