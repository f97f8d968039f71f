"""A run of several seeds on this machine: its members, its report, and what later commands make of it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from contract.collectiverun_command import COMMAND, WAIT_SECONDS, document, finish, start, tiny_run
from support.run_bodies import tasks

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    path = tiny_run(tmp_path_factory.mktemp("seeds"), tasks=tasks("reach"), seeds=[3, 1])
    code, stdout, stderr = finish(start(path, "--json"))
    assert code == 0, stderr
    return path, document(stdout)


def command(path: Path, *words: str) -> str:
    done = subprocess.run([str(COMMAND), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_later_phases_have_a_member_a_seed(seeded: tuple[Path, dict]) -> None:
    status = json.loads(command(seeded[0], "status", "tiny-smoke", "--json", "--cache", cache(seeded)))
    members = {phase["name"]: [one["name"] for one in phase["members"]] for phase in status["phases"]}
    assert members == {
        "experts": ["reach-v3-sawyer"],
        "trajectoryTransformer": ["seed-3", "seed-1"],
        "onlineDistillation": ["seed-3", "seed-1"],
        "refinement": [],
        "students": [],
        "evaluation": ["seed-3", "seed-1"],
        "comparison": ["all"],
    }


def cache(seeded: tuple[Path, dict]) -> str:
    return str(seeded[0].parent / "cache")


def test_the_report_is_the_comparison_with_links_to_the_seeds(seeded: tuple[Path, dict]) -> None:
    outcome = seeded[1]
    report = Path(outcome["report"].removeprefix("file://"))
    assert report.parts[-5:-3] == ("comparison", "all")
    links = re.findall(r'href="(\.\.[^"]*report\.html)"', report.read_text())
    assert len(links) == 2
    assert all((report.parent / link).is_file() for link in links)
    assert set(outcome["success"]) == {"experts", "collective"}


def test_the_list_of_a_storage_root_tells_the_seeds_and_the_comparison(seeded: tuple[Path, dict]) -> None:
    storage = str(seeded[0].parent / "storage")
    (run,) = json.loads(command(seeded[0], "list", storage, "--json"))
    assert (run["seeds"], run["published"]) == ([3, 1], "report")
    assert run["report"] == seeded[1]["report"]


def test_a_film_is_of_the_seed_that_is_named(seeded: tuple[Path, dict], tmp_path: Path) -> None:
    film = tmp_path / "film.webp"
    root = seeded[1]["root"]
    told = json.loads(
        command(seeded[0], "play", root, "--seed", "1", "-o", str(film), "--size", "64", "--json")
    )
    assert "/seed-1/" in json.dumps(told)
    assert film.stat().st_size > 0


def test_a_seed_that_the_run_has_not_is_told(seeded: tuple[Path, dict], tmp_path: Path) -> None:
    words = ["play", seeded[1]["root"], "--seed", "2", "-o", str(tmp_path / "film.webp")]
    done = subprocess.run([str(COMMAND), *words], capture_output=True, text=True)
    assert done.returncode == 4
    assert done.stderr.strip().endswith("has no seed 2; it has 3, 1")
