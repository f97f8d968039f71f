"""What images are made of is pinned, and their SBOM names it."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
HALVES = ("operator", "trainer")
NO_DPKG = "dpkg-query, which names Debian's packages, is not here; tests/e2e looks into the images themselves"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# A snapshot's address in a comment beside the mirror, as Debian's images and those made of them have it.
SOURCES = """\
Types: deb
# http://snapshot.debian.org/archive/debian/20260921T000000Z
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates

Types: deb
# http://snapshot.debian.org/archive/debian-security/20260921T000000Z
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
"""


def dockerfile(half):
    """Its instructions, each on one line."""
    text = (ROOT / "images" / half / "Dockerfile").read_text()
    return re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")


def pins():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pairs = [re.fullmatch(r"([A-Za-z0-9._-]+)==([^+\s;]+)", line) for line in lines]
    assert all(pairs), "every line is one exact version, of no build of one's own"
    return {canonicalize_name(pair[1]): pair[2] for pair in pairs}


def installed(*requirements):
    """The names of what these bring, and what that brings, on this Python and platform."""
    found, to_read = set(), [Requirement(text) for text in requirements]
    while to_read:
        wanted = to_read.pop()
        environments = [{"extra": extra} for extra in wanted.extras or {""}]
        name = canonicalize_name(wanted.name)
        if (name, frozenset(wanted.extras)) in found:
            continue
        found.add((name, frozenset(wanted.extras)))
        needed = [Requirement(text) for text in distribution(name).requires or []]
        to_read += [n for n in needed if not n.marker or any(n.marker.evaluate(e) for e in environments)]
    return {name for name, _ in found}


def held_by(half):
    project = PROJECT["project"]
    return installed(*project["dependencies"], *project["optional-dependencies"][half])


@pytest.fixture(scope="module")
def sbom():
    """That of the Python that runs the tests: both halves in one."""
    command = [sys.executable, ROOT / "images" / "sbom.py", sys.executable, ROOT / "pyproject.toml"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


@pytest.mark.parametrize("half", HALVES)
def test_everything_that_an_image_installs_is_pinned(half):
    held = held_by(half)
    assert len(held) > 10
    assert held - pins().keys() == set()


def test_so_are_the_tools_that_build_and_describe_it():
    tools = installed(*PROJECT["build-system"]["requires"], *PROJECT["dependency-groups"]["supply"])
    assert tools - pins().keys() - {"pip"} == set()


@pytest.mark.parametrize("half", HALVES)
def test_every_installation_in_an_image_is_held_to_the_pins(half):
    text = dockerfile(half)
    installations = [line for line in text.splitlines() if "pip" in line and " install " in line]
    assert len(installations) == 3
    for line in installations:
        built = "PIP_CONSTRAINT=/src/constraints.txt PIP_BUILD_CONSTRAINT=/src/constraints.txt" in line
        assert "--constraint " in line or (built and "--no-deps" in line)


def test_both_images_have_one_base_by_its_digest():
    bases = {re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile(half), re.MULTILINE)[0] for half in HALVES}
    (base,) = bases
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)
    for half in HALVES:
        origins = re.findall(r"^FROM (\S+)", dockerfile(half), re.MULTILINE)
        assert set(origins) <= {"${PYTHON_IMAGE}", "dependencies"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            SOURCES,
            [
                f"URIs: http://snapshot.debian.org/archive/{name}/20260921T000000Z"
                for name in ("debian", "debian-security")
            ],
        ),
        (
            re.sub("# .*\n", "", SOURCES),
            [f"URIs: http://deb.debian.org/{name}" for name in ("debian", "debian-security")],
        ),
    ],
    ids=["snapshot", "mirror alone"],
)
def test_debians_packages_are_those_of_the_day_of_the_base(tmp_path, given, expected):
    (script,) = re.findall(r"^RUN (sources=.* fi) ", dockerfile("trainer"), re.MULTILINE)
    sources = tmp_path / "debian.sources"
    sources.write_text(given)
    there = script.replace("/etc/apt/sources.list.d/debian.sources", str(sources))
    subprocess.run(["sh", "-euc", there], check=True)
    assert [line for line in sources.read_text().splitlines() if line.startswith("URIs:")] == expected


@pytest.mark.parametrize("half", HALVES)
def test_the_sbom_names_what_an_image_holds_at_its_pinned_version(half, sbom):
    named = {
        (canonicalize_name(found["name"]), found["version"].split("+")[0]) for found in sbom["components"]
    }
    assert {(name, pins()[name]) for name in held_by(half)} - named == set()
    assert sbom["metadata"]["component"]["name"] == "collectiverun"


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason=NO_DPKG)
def test_the_sbom_names_debians_packages_and_python(sbom):
    addresses = {found.get("purl", "").split("@")[0] for found in sbom["components"]}
    assert {"pkg:deb/debian/libc6", "pkg:generic/python", "pkg:pypi/pydantic"} <= addresses


def test_the_sbom_is_what_the_schema_says(sbom):
    kinds = {found["purl"].split("/")[0]: found for found in sbom["components"] if "purl" in found}
    few = sbom | {"components": list(kinds.values()), "dependencies": []}  # a minute for all of them
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(few)) is None
    references = [found["bom-ref"] for found in sbom["components"]]
    assert len(references) == len(set(references))
