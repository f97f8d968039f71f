"""CEL rules across the fields of a run, with the same sentences as the operator's own validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collectiverun_operator.api.phases import REUSABLE
from collectiverun_operator.api.storage import BESIDE_THE_FILE, EARLIER_RUN, NEEDS_A_PLACE, NO_EARLIER_RUN
from collectiverun_operator.api.validation import NEEDS_CREDENTIALS, OTHER_STORAGE
from collectiverun_operator.manifests.rules import REQUIRED, Rule
from collectiverun_operator.manifests.task_rules import robot_model_rules, robot_rules, student_rules
from collectiverun_trainer.config import ANY_BUCKET, AWS_BUCKET, ENDPOINT, HIDDEN_USER

_HORIZON = "environment.horizonEnvSteps"


def consistency_rules() -> Mapping[str, tuple[Rule, ...]]:
    """The rules by the path of the object or list that they belong to."""
    return {
        "spec": (
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
        "spec.storage": (*_uri_rules(), *_bucket_rules(), *_directory_rules(), *_access_rules()),
        "spec.storage.credentials": (
            Rule(
                "",
                "has(self.secretRef) != has(self.serviceAccountName)",
                "give exactly one of secretRef and serviceAccountName",
            ),
        ),
    }


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


_URI = {"uri": "self.uri"}


def _uri_rules() -> Iterator[Rule]:
    yield Rule(
        "uri",
        r"!self.uri.matches(r'[\s?#]')",
        "'{uri}' must not contain spaces, '?' or '#'",
        _URI,
    )
    yield Rule(
        "uri",
        # The schema refuses an empty URI.
        "self.uri == '' || self.uri.startsWith('s3://') || self.uri.startsWith('file://')",
        "'{uri}' does not start with s3:// or file://, the two kinds of storage there are",
        _URI,
    )


def _bucket_rules() -> Iterator[Rule]:
    yield Rule(
        "uri",
        "!self.uri.startsWith('s3://') || self.uri.matches('^s3://[^/]')",
        "'{uri}' names no bucket; write s3://bucket/prefix",
        _URI,
    )
    bucket = {"bucket": "self.uri.split('/')[2]"}
    is_any = f"self.uri.matches('^s3://{ANY_BUCKET.pattern}(/.*)?$')"
    yield Rule(
        "uri", f"!self.uri.matches('^s3://[^/]') || {is_any}", f"'{{bucket}}' {ANY_BUCKET.advice}", bucket
    )
    yield Rule(
        "uri",
        f"has(self.endpoint) || !{is_any} || self.uri.matches('^s3://{AWS_BUCKET.pattern}(/.*)?$')",
        f"'{{bucket}}' {AWS_BUCKET.advice}",
        bucket,
    )


def _directory_rules() -> Iterator[Rule]:
    is_beside = f"self.uri.matches('{BESIDE_THE_FILE}')"
    yield Rule("uri", f"!{is_beside}", f"'{{uri}}' {NEEDS_A_PLACE}", _URI)
    yield Rule(
        "uri",
        f"!self.uri.startsWith('file://') || self.uri.startsWith('file:///') || {is_beside}",
        "'{uri}' is not an absolute path; write file:///directory with three slashes",
        _URI,
    )
    yield Rule(
        "uri",
        "!self.uri.startsWith('file:///') || !self.uri.matches('/[.][.](/|$)')",
        "'{uri}' must not contain '..'",
        _URI,
    )
    yield Rule(
        "uri",
        "!self.uri.startsWith('file:///') || self.uri.matches('^file:///.*[^/]')",
        "'{uri}' names no directory; write file:///directory",
        _URI,
    )


def _access_rules() -> Iterator[Rule]:
    yield Rule(
        "endpoint",
        f"!has(self.endpoint) || self.endpoint.matches(r'^{ENDPOINT.pattern}$')",
        f"'{{endpoint}}' {ENDPOINT.advice}",
        {"endpoint": f"(self.endpoint.contains('@') ? '{HIDDEN_USER}' : self.endpoint)"},
    )
    yield Rule(
        "credentials",
        "!self.uri.startsWith('s3://') || has(self.credentials)",
        NEEDS_CREDENTIALS,
        reason=REQUIRED,
    )
