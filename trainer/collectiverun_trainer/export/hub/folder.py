"""What lies in the folder: the networks; the words about them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Final

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.robot_files import file_name, recorded_models, robot_files
from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.export.bundle import write_bundle
from collectiverun_trainer.export.document import PolicyDocument
from collectiverun_trainer.export.hub.card import FilmTold, card
from collectiverun_trainer.export.hub.run_file import run_file
from collectiverun_trainer.learned import LearnedPolicy
from collectiverun_trainer.learned.exported import write_policy
from collectiverun_trainer.report.summary import Summary

CARD: Final = "README.md"
_ONNX: Final = "onnx"


def write_networks(folder: Path, collective: Collective, learned: LearnedPolicy) -> PolicyDocument:
    """Write config.json, model.safetensors and onnx/. What the ONNX bundle says of itself.

    Raises:
        InputInvalid: the ONNX graphs act otherwise than torch does.
        OSError: the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_policy(folder, collective, learned.environment)
    return write_bundle(_nowhere(learned), "collective", folder / _ONNX)


def write_arms(folder: Path, evaluation: Artifact) -> None:
    """Write the models of the arms that the run brought along. Raises OSError if that is not possible."""
    for robot in recorded_models(evaluation):
        for name, content in robot_files(evaluation, robot).items():
            path = folder / file_name(robot, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def write_words(folder: Path, summary: Summary, film: FilmTold | None) -> None:
    """Write the card and run.yaml. Raises OSError if the folder can't be written."""
    (folder / "run.yaml").write_text(run_file(summary), encoding="utf-8")
    (folder / CARD).write_text(card(summary, film), encoding="utf-8")


def _nowhere(learned: LearnedPolicy) -> LearnedPolicy:
    """The policy with the address of its artifact below the run's root's parents left out."""
    told = copy.copy(learned)
    told.uri = "/".join(learned.uri.rsplit("/", 6)[-6:])  # <namespace>/<run>/<phase>/<member>/<attempt>/<pod>
    return told
