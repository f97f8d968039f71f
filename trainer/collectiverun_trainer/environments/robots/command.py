"""`python -m collectiverun_trainer robots …`: which robots there are, and what is wrong with a model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from collectiverun_trainer.config import ROBOT_ALIASES, ROBOTS
from collectiverun_trainer.environments.robots import MODELS
from collectiverun_trainer.environments.robots.arm import read_arm
from collectiverun_trainer.environments.robots.checking import check
from collectiverun_trainer.errors import InvalidConfiguration, PhaseError, Usage

_PICTURE_PIXELS = 480
_COLUMNS = "{:8} {:34} {:>6} {:>8} {:>9} {:>8}"


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code: 0, or 3 if a model has faults, or that of an error."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.work(options))
    except PhaseError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m collectiverun_trainer robots", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="the robots that a run file may name")
    listing.add_argument("--pictures", metavar="FOLDER", type=Path, help="draw each robot into this folder")
    listing.set_defaults(work=_list)
    checking = commands.add_parser("check", help="say what is wrong with an arm's MJCF file")
    checking.add_argument("model", metavar="MODEL", type=Path, help="the MJCF file")
    checking.set_defaults(work=_check)
    return parser


def _list(options: argparse.Namespace) -> int:
    print(_COLUMNS.format("name", "robot", "joints", "reach m", "payload", "mass kg"))
    for name in ROBOTS:
        print(_row(name))
    for alias, name in ROBOT_ALIASES.items():
        print(f"{alias} is another name of {name}.")
    if options.pictures:
        _draw(options.pictures)
    return 0


def _row(name: str) -> str:
    if name == "sawyer":
        return _COLUMNS.format(name, "Rethink Sawyer, Meta-World's own", 7, "", "", "").rstrip()
    arm = read_arm(MODELS / f"{name}.xml")
    reach, payload = f"{arm.reach_metres:.3f}", f"{arm.payload_kg:g} kg"
    return _COLUMNS.format(name, arm.title, len(arm.joints), reach, payload, f"{arm.mass_kg:.1f}")


def _draw(folder: Path) -> None:
    from PIL import Image

    from collectiverun_trainer.environments.robots.portrait import portrait

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ROBOTS:
            Image.fromarray(portrait(name, _PICTURE_PIXELS)).save(folder / f"{name}.png")
    except OSError as error:
        raise Usage(f"Pictures can't be written to {str(folder)!r}: {error}.") from error


def _check(options: argparse.Namespace) -> int:
    faults = check(options.model)
    if not faults:
        print(f"{options.model} can take Sawyer's place.")
        return 0
    for sentence in faults:
        print(sentence)
    return InvalidConfiguration.exit_code
