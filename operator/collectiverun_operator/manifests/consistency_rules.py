"""CEL rules across the fields of a run, with the same sentences as the operator's own validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collectiverun_operator.api.phases import REUSABLE
from collectiverun_operator.api.storage import EARLIER_RUN, NO_EARLIER_RUN
from collectiverun_operator.api.validation import (
    OTHER_SEED,
    OTHER_STORAGE,
    TOO_MANY_SEEDS,
)
from collectiverun_operator.manifests.rules import Rule
from collectiverun_operator.manifests.storage_rules import storage_rules
from collectiverun_operator.manifests.task_rules import robot_model_rules, robot_rules, student_rules
from collectiverun_trainer.config import TASK_LIMIT

_HORIZON = "environment.horizonEnvSteps"


def consistency_rules() -> Mapping[str, tuple[Rule, ...]]:
    """The rules by the path of the object or list that they belong to."""
    return {
        "spec": (
            *_seed_rules(),
            *robot_rules(),
            *robot_model_rules(),
            *student_rules(),
            *_environment_rules(),
            *_budget_rules("experts"),
            *_budget_rules("students"),
            *_imitation_rules("experts"),
            *_imitation_rules("students"),
            *_encoder_rules(),
            *_distillation_rules(),
            *(rule for phase in REUSABLE for rule in _reuse_rules(phase.name)),
        ),
        "spec.tasks": (
            Rule(
                "",
                # The schema refuses an empty list.
                "size(self) == 0 || self.exists(t, !t.holdout)",
                "every task is a holdout; at least one must be trained on",
            ),
        ),
        **storage_rules(),
    }


def _seed_rules() -> Iterator[Rule]:
    yield Rule(
        "seed",
        "size(self.seeds) == 0 || self.seed == 1 || self.seed in self.seeds",
        f"{{seed}} {OTHER_SEED}",
        {"seed": "self.seed"},
        about=("seed", "seeds"),
    )
    yield Rule(
        "seeds",
        f"size(self.seeds) * size(self.tasks) <= {TASK_LIMIT}",
        f"{{seeds}} seeds of {{tasks}} tasks are {{pairs}}; {TOO_MANY_SEEDS}",
        {
            "seeds": "size(self.seeds)",
            "tasks": "size(self.tasks)",
            "pairs": "size(self.seeds) * size(self.tasks)",
        },
        about=("seeds", "tasks"),
    )


def _environment_rules() -> Iterator[Rule]:
    repeat = "self.environment.actionRepeat"
    yield Rule(
        "environment",
        f"self.{_HORIZON} % {repeat} == 0",
        "horizonEnvSteps {horizon} is not a multiple of actionRepeat {repeat}",
        {"horizon": f"self.{_HORIZON}", "repeat": repeat},
        about=("environment",),
    )


def _budget_rules(phase: str) -> Iterator[Rule]:
    path = f"phases.{phase}.params"
    total, random = f"self.{path}.totalEnvSteps", f"self.{path}.randomEnvSteps"
    scripted = f" || self.{path}.source == 'scripted'" if phase == "experts" else ""
    yield Rule(
        f"{path}.totalEnvSteps",
        f"{total} >= self.{_HORIZON}",
        "{total} is less than one episode of {horizon} env steps; raise it,"
        " or lower spec.environment.horizonEnvSteps",
        {"total": total, "horizon": f"self.{_HORIZON}"},
        about=(_HORIZON, path),
    )
    yield Rule(
        f"{path}.randomEnvSteps",
        f"{total} < self.{_HORIZON} || {random} < {total}{scripted}",
        "{random} leaves none of totalEnvSteps {total} to learn in; lower it",
        {"random": random, "total": total},
        about=(_HORIZON, path),
    )


def _imitation_rules(phase: str) -> Iterator[Rule]:
    path = f"phases.{phase}.params"
    parts = ("imitationWeight == 0.0", "imitationGradientSteps == 0", "imitationEnvSteps == 0")
    off = " && ".join(f"self.{path}.{part}" for part in parts)
    yield Rule(
        path,
        f"self.{path}.demonstrations > 0 || ({off})",
        "imitationWeight, imitationGradientSteps and imitationEnvSteps need demonstrations,"
        " of which there are 0",
        about=(path,),
    )


def _encoder_rules() -> Iterator[Rule]:
    path = "phases.trajectoryTransformer.params"
    size, heads = f"self.{path}.modelSize", f"self.{path}.heads"
    weights = (f"self.{path}.{name}Weight" for name in ("contrastive", "reconstruction", "temporal"))
    yield Rule(
        path,
        f"{size} % {heads} == 0",
        "modelSize {size} is not a multiple of heads {heads}",
        {"size": size, "heads": heads},
        about=(path,),
    )
    yield Rule(
        path,
        f"{' + '.join(weights)} > 0.0",
        "contrastiveWeight, reconstructionWeight and temporalWeight are all 0: nothing to learn",
        about=(path,),
    )


def _distillation_rules() -> Iterator[Rule]:
    path = "phases.onlineDistillation.params"
    random, collective = f"self.{path}.randomShare", f"self.{path}.collectiveShare"
    steps, environments = f"self.{path}.envStepsPerTask", f"self.{path}.environmentsPerTask"
    yield Rule(
        path,
        f"{random} + {collective} <= 1.0",
        "randomShare {random} + collectiveShare {collective} is more than 1",
        {"random": random, "collective": collective},
        about=(path,),
    )
    yield Rule(
        f"{path}.envStepsPerTask",
        f"{steps} >= self.{_HORIZON} * {environments}",
        "{steps} is less than one episode of {horizon} env steps in each of {environments} environments;"
        " raise it to {needed} or lower environmentsPerTask",
        {
            "steps": steps,
            "horizon": f"self.{_HORIZON}",
            "environments": environments,
            "needed": f"self.{_HORIZON} * {environments}",
        },
        about=(_HORIZON, path),
    )


def _reuse_rules(phase: str) -> Iterator[Rule]:
    path = f"phases.{phase}.from"
    address, storage = f"self.{path}", "self.storage.uri"
    is_address = rf"{address}.matches(r'{EARLIER_RUN}') && !{address}.matches('/[.][.](/|$)')"
    value = {"address": address}
    yield Rule(path, f"!has({address}) || {is_address}", f"'{{address}}' {NO_EARLIER_RUN}", value)
    is_other = " || ".join(
        f"{address}.startsWith('{one}://') && {storage}.startsWith('{other}://')"
        for one, other in (("s3", "file"), ("file", "s3"))
    )
    yield Rule(path, f"!has({address}) || !({is_other})", f"'{{address}}' {OTHER_STORAGE}", value)
