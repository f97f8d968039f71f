"""Artifacts of an earlier run that stand in for a phase's own: where they lie, and whether they may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from collectiverun_trainer.artifacts import agreement
from collectiverun_trainer.artifacts.artifact import COMMIT_NAME, Artifact
from collectiverun_trainer.artifacts.commits import committed, first_commits
from collectiverun_trainer.artifacts.parts import by_seed, seed_of
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import PARAMS, EnvironmentSettings, Phase, Task
from collectiverun_trainer.config.validation import faults
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration
from collectiverun_trainer.order import PhaseOrder

IMPORTED: Final = "imported"
"""Key of a manifest with what is known of an expert that was trained elsewhere."""
_AT_DEFAULTS: Final = EnvironmentSettings().model_dump(by_alias=True, mode="json")


def earlier_artifacts(storage: Storage, order: PhaseOrder, config: Mapping[str, Any]) -> list[Artifact]:
    """What lies at the order's `from` for its phase and any of its tasks; nothing without `from`.

    The address is that of a run, of a member or of one artifact. Where it has several seeds, those of the
    order count; for a seed that it has not, its first one.

    Args:
        storage: reads the address; it is the order's own, credentials included.
        order: names the address, the phase and the tasks.
        config: the configuration of the order, with `environment` and `params`.

    Raises:
        InputInvalid: what is published there is damaged.
        InvalidConfiguration: nothing of the phase is, or it was made in another environment or with other
            parameters.
    """
    if order.from_ is None:
        return []
    field = f"phases.{order.phase}.from"
    found = [Artifact.open(storage, uri) for uri in _commits(storage, order.from_, order.phase)]
    of_phase = [artifact for artifact in found if artifact.manifest.get("phase") == order.phase]
    if not of_phase:
        raise InvalidConfiguration(
            f"{field}: {order.from_} holds nothing published of phase {order.phase}; give the root of a run"
            " (`collectiverun list --json` shows them) or the address of one of its members."
        )
    parts = [
        part
        for artifact in of_phase
        if set(tasks_of(artifact)) & set(order.tasks)
        for _, part in by_seed(storage, artifact)
    ]
    needed = [earlier_of(parts, task, seed) for seed in order.all_seeds for task in order.tasks]
    fitting = [artifact for artifact in parts if artifact in needed]
    for artifact in fitting:
        _require_same(artifact, order.phase, config, field)
    return fitting


def tasks_of(artifact: Artifact) -> tuple[Task, ...]:
    """The tasks of the member that published an artifact. Raises InputInvalid if it names none."""
    try:
        return tuple(Task.model_validate(task) for task in artifact.manifest["tasks"])
    except (ValidationError, KeyError, TypeError) as error:
        raise InputInvalid(f"The manifest of {artifact.uri} names no tasks.") from error


def earlier_of(earlier: Sequence[Artifact], task: Task, seed: int) -> Artifact | None:
    """The first artifact that has the task: of that seed, if one is; None if none has it."""
    having = [artifact for artifact in earlier if task in tasks_of(artifact)]
    return next((artifact for artifact in having if seed_of(artifact) == seed), next(iter(having), None))


def _commits(storage: Storage, address: str, phase: Phase) -> Iterator[str]:
    if storage.exists(join(address, COMMIT_NAME)):
        yield address
    elif (of_member := next(committed(storage, address), None)) is not None:
        yield of_member
    else:
        yield from first_commits(storage, join(address, phase))


def _require_same(artifact: Artifact, phase: Phase, config: Mapping[str, Any], field: str) -> None:
    """Environment and parameters are those of the order; the seed may be another.

    What the manifest does not name of either was at its default; of an expert that was trained elsewhere it
    is not known, and is not compared.
    """
    theirs = artifact.manifest.get("config", {})
    try:
        params = PARAMS[phase].model_validate(theirs["params"])
        told = params.model_dump(by_alias=True, mode="json", exclude_unset=IMPORTED in artifact.manifest)
        was = {"environment": _AT_DEFAULTS | theirs["environment"], "params": told}
    except ValidationError as error:
        raise InvalidConfiguration(
            f"{field}: {artifact.uri} has parameters that this version does not know"
            f" ({faults(error, PARAMS[phase], 'params')})."
        ) from error
    except (KeyError, TypeError) as error:
        raise InputInvalid(f"{field}: the manifest of {artifact.uri} has no configuration.") from error
    ours = {name: config[name] for name in was}
    if others := agreement.differences(ours, was):
        raise InvalidConfiguration(
            f"{field}: {artifact.uri} was made otherwise ({'; '.join(others)});"
            " give the same values, or leave `from` out."
        )
