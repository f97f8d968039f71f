"""What a spec says of each phase: whether it runs, with which parameters, inputs and members."""

from __future__ import annotations

from typing import Any

from collectiverun_operator.api.phases import PHASES, Phase, PhaseSettings
from collectiverun_operator.api.spec import Spec
from collectiverun_operator.api.tasks import Member


def settings_of(spec: Spec, phase: Phase) -> PhaseSettings:
    """What the spec says about a phase."""
    settings: PhaseSettings = getattr(spec.phases, phase.field)
    return settings


def is_enabled(spec: Spec, phase: Phase) -> bool:
    """Whether the phase runs at all."""
    return bool(getattr(settings_of(spec, phase), "enabled", True))


def params_of(spec: Spec, phase: Phase) -> dict[str, Any]:
    """A phase's parameters, defaults filled in, as JSON; none of a phase that has none."""
    params = getattr(settings_of(spec, phase), "params", None)
    return {} if params is None else dict(params.model_dump(mode="json", by_alias=True))


def inputs_of(spec: Spec, phase: Phase) -> tuple[str, ...]:
    """Names of the phases whose artifacts this one reads."""
    enabled = {other.name for other in PHASES if is_enabled(spec, other)}
    providers = (next((name for name in names if name in enabled), None) for names in phase.settings.READS)
    return tuple(name for name in providers if name is not None)


def members_of(spec: Spec, phase: Phase) -> tuple[Member, ...]:
    """The phase's members, in a fixed order; none if it is disabled."""
    return settings_of(spec, phase).members(spec.tasks, spec.all_seeds) if is_enabled(spec, phase) else ()
