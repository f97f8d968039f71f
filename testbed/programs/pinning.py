"""Another release of a cluster's programs, pinned for good or built on trial.

python -m testbed.programs.pinning NAME VERSION                   rewrites modules/NAME/go.mod and go.sum
python -m testbed.programs.pinning NAME VERSION --into FOLDER     leaves them, builds that release into FOLDER

python -m testbed.programs.pinning kubernetes v1.34.4 --into k134 && KUBEBUILDER_ASSETS=$PWD/k134 make test
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from testbed.programs import BuildError, building
from testbed.programs.building import RECIPES

# Kubernetes' own go.mod points at folders that only its repository has. The same is published as modules.
_STAGING = re.compile(r"^\s+(k8s\.io/\S+) => \./staging", re.MULTILINE)
_REPLACED = "// Its own go.mod points at folders of its repository; these are the same, as published."


def pin(name: str, version: str, module: Path) -> None:
    """Write go.mod and go.sum of a module for another release. Raises BuildError."""
    go_mod = module / "go.mod"
    (module / "go.sum").unlink(missing_ok=True)
    go = building.go(module)
    source = f"{RECIPES[name].source}@{version}"
    published = Path(json.loads(go.read("mod", "download", "-json", source))["GoMod"]).read_text()
    go_mod.write_text(_pinned(name, version, go_mod.read_text(), published))
    go.read("mod", "tidy")


def _pinned(name: str, version: str, before: str, published: str) -> str:
    """A go.mod with the same name and programs, and nothing yet of what they are made of."""
    (header,) = re.findall(r"^module .*\n", before, re.MULTILINE)
    (tools,) = re.findall(r"^tool \(\n.*?^\)\n|^tool \S+\n", before, re.MULTILINE | re.DOTALL)
    (language,) = re.findall(r"^go .*\n", published, re.MULTILINE)
    text = "\n".join([header, language, tools, f"require {RECIPES[name].source} {version}\n"])
    if staged := _STAGING.findall(published):
        as_published = version.replace("v1.", "v0.", 1)
        lines = "".join(f"\t{path} => {path} {as_published}\n" for path in staged)
        text += f"\n{_REPLACED}\nreplace (\n{lines})\n"
    return text


def build_into(name: str, version: str, folder: Path) -> None:
    """The programs of another release, with etcd beside servers, as KUBEBUILDER_ASSETS wants it."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        module = Path(scratch) / name
        shutil.copytree(building.MODULES / name, module)
        pin(name, version, module)
        building.build(name, version.removeprefix("v"), module, folder)
    if name == "kubernetes":
        (etcd,) = building.built("etcd")
        shutil.copy(etcd / "etcd", folder)


def main() -> int:
    """The command; what it returns is the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("version", help="such as v1.37.2")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="a folder that is not there yet")
    options = parser.parse_args()
    try:
        if options.into is not None:
            build_into(options.name, options.version, options.into.absolute())
        else:
            pin(options.name, options.version, building.MODULES / options.name)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except FileExistsError as error:
        print(f"{error.filename} is there already: name a folder that is not.", file=sys.stderr)
        return 2
    building.clean_up()
    return 0


if __name__ == "__main__":
    sys.exit(main())
