"""The SBOM in each image names what is installed there, at the versions of constraints.txt."""

import json

import pytest
from e2e.container_images import OPERATOR, REPOSITORY, TRAINER, ImageStore
from packaging.utils import canonicalize_name

SBOM = "/opt/collectiverun/sbom.cdx.json"
PYTHON = "/opt/collectiverun/bin/python"
INSTALLED = """
from importlib.metadata import distributions
print(*(f"{found.name}=={found.version}" for found in distributions()), sep="\\n")
"""
OURS = "collectiverun"


def pairs(lines):
    """Name and version, without the build of a wheel that is not PyPI's."""
    split = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {(canonicalize_name(name), version.split("+")[0]) for name, version in split}


@pytest.mark.parametrize(("image", "least"), [(OPERATOR, 30), (TRAINER, 60)])
def test_the_sbom_names_all_that_python_finds_and_all_of_it_is_pinned(image, least):
    store = ImageStore()
    held = pairs(store.run(image, PYTHON, "-I", "-c", INSTALLED).splitlines())
    document = json.loads(store.run(image, "cat", SBOM))
    named = pairs(f"{found['name']}=={found['version']}" for found in document["components"])
    held = {(name, version) for name, version in held if name != OURS}
    assert len(held) > least
    assert held - named == set()
    assert held - pairs((REPOSITORY / "constraints.txt").read_text().splitlines()) == set()
    assert document["metadata"]["component"]["name"] == OURS


@pytest.mark.parametrize(("image", "package"), [(OPERATOR, "libc6"), (TRAINER, "libosmesa6")])
def test_the_sbom_names_debians_packages(image, package):
    document = json.loads(ImageStore().run(image, "cat", SBOM))
    addresses = {found.get("purl", "").split("@")[0] for found in document["components"]}
    assert f"pkg:deb/debian/{package}" in addresses
