"""What an image holds, as CycloneDX: `python sbom.py PYTHON PYPROJECT`, by a Python that has cyclonedx-bom.

cyclonedx-py names what a Python has installed. What it does not see is added: Debian's packages, Python
itself and what the base image's own Python has.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packageurl import PackageURL

Document = dict[str, Any]
_PACKAGE = "${db:Status-Status}\\t${Package}\\t${Version}\\t${Architecture}\\n"
_OF_THE_BASE = Path(sys.base_prefix, "bin", "python3")


def bill_of_materials(python: Path, pyproject: Path) -> Document:
    """The document for an image whose programs are those of this Python."""
    document = _of_python(python, "--pyproject", str(pyproject))
    added = [*_of_python(_OF_THE_BASE)["components"], _python_itself(), *_of_debian()]
    named = {_identity(component) for component in document["components"]}
    document["components"] += [component for component in added if _identity(component) not in named]
    return document


def _identity(component: Document) -> tuple[str, str]:
    return component["name"], component["version"]


def _of_python(python: Path, *options: str) -> Document:
    tool = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--no-validate"]
    printed = subprocess.run([*tool, *options, str(python)], check=True, stdout=subprocess.PIPE).stdout
    document: Document = json.loads(printed)
    return document


def _python_itself() -> Document:
    return _component("platform", PackageURL("generic", None, "python", platform.python_version()))


def _of_debian() -> Iterator[Document]:
    command = ["dpkg-query", "--show", f"--showformat={_PACKAGE}"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    for line in printed.stdout.decode().splitlines():
        status, name, version, architecture = line.split("\t")
        if status == "installed":
            yield _component("library", PackageURL("deb", "debian", name, version, {"arch": architecture}))


def _component(kind: str, purl: PackageURL) -> Document:
    address = purl.to_string()
    return {"type": kind, "bom-ref": address, "name": purl.name, "version": purl.version, "purl": address}


if __name__ == "__main__":
    python, pyproject = map(Path, sys.argv[1:])
    print(json.dumps(bill_of_materials(python, pyproject), indent=1))
