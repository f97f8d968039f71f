"""Jobs for a server-side dry run: only the API server can tell whether it accepts a Pod template."""

from __future__ import annotations

import json
from collections.abc import Iterator

from collectiverun_operator.api.conditions import INVALID_POD_TEMPLATE, NOT_CHECKED
from collectiverun_operator.api.members import members_of, settings_of
from collectiverun_operator.api.phases import PHASES, Phase
from collectiverun_operator.api.pod_template import merge_templates
from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.jobs.manifest import job_manifest
from collectiverun_operator.jobs.phase_order import phase_order, resources_of
from collectiverun_operator.jobs.uris import storage_root
from collectiverun_operator.json_types import JSONObject

DRY_RUN_ATTEMPT = 0  # attempts start at 1: no real Job has this name


def is_dry_run_due(run: CollectiveRun) -> bool:
    """Whether the spec is new, or was refused: what it lacked may exist by now. Never on this machine."""
    if run.platform.local:
        return False
    if run.status.is_true("Complete"):
        return False
    accepted = run.status.condition("Accepted")
    is_refused = accepted is not None and accepted.reason in (INVALID_POD_TEMPLATE, NOT_CHECKED)
    return is_refused or run.generation != run.status.observed_generation


def dry_run_jobs(run: CollectiveRun) -> Iterator[tuple[str, JSONObject]]:
    """The field that sets a Pod template, such as `spec.podTemplate`, and a Job: one for each template."""
    tried = set()
    for phase in PHASES:
        template = _template(run, phase)
        if members_of(run.spec, phase) and template not in tried:
            tried.add(template)
            yield _path(run, phase), _manifest(run, phase)


def _template(run: CollectiveRun, phase: Phase) -> str:
    """The part of a phase's Pod template that the user sets, for comparison."""
    merged = merge_templates(run.spec.pod_template, settings_of(run.spec, phase).pod_template)
    return json.dumps([merged, resources_of(run, phase)], sort_keys=True)


def _path(run: CollectiveRun, phase: Phase) -> str:
    if settings_of(run.spec, phase).pod_template is not None:
        return f"spec.phases.{phase.name}.podTemplate"
    return f"spec.phases.{phase.name}.resources" if run.spec.pod_template is None else "spec.podTemplate"


def _manifest(run: CollectiveRun, phase: Phase) -> JSONObject:
    image = run.spec.image or run.platform.image
    member = members_of(run.spec, phase)[0]
    order = phase_order(run, storage_root(run), phase, member, DRY_RUN_ATTEMPT, {})
    return job_manifest(run, phase, order, image)
