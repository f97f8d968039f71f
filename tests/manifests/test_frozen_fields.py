"""Once a run has begun, the API server refuses the changes that the operator would not act on."""

import copy

import pytest
from manifests.api_server_model import broken_rules, nodes
from manifests.served_runs import SCHEMA, VOLUME, as_served, stored_run
from support.run_bodies import CREDENTIALS

from collectiverun_operator.api.immutability import changed_fields, spec_hash
from collectiverun_operator.api.spec import Spec
from collectiverun_operator.manifests.rules import FORBIDDEN

NODES = dict(nodes(SCHEMA))
# Where two fields must fit together.
FITTING = {"horizonEnvSteps": 400, "actionRepeat": 4, "modelSize": 64, "heads": 4}


def full_run():
    """A run in which every field that can be set is."""
    params = {"stopAtSuccess": 0.5, "demonstrations": 10}  # without them there is nothing to imitate
    experts = {"resources": {"limits": {"cpu": 1}}, "podTemplate": VOLUME, "params": params}
    earlier = {"from": "s3://bucket/team/run"}
    students = {"params": {"tasks": [{"env": "reach-v3"}], "demonstrations": 10}}
    run = stored_run(
        image="trainer:2",
        seeds=[2, 5],
        retryToken="a",
        podTemplate=VOLUME,
        tasks=[{"env": "reach-v3"}, {"env": "push-v3"}],
        robotModels=[{"name": "my-arm", "path": "my-arm.xml", "configMapName": "my-arm"}],
        storage={
            "uri": "s3://bucket",
            "endpoint": "https://s3",
            "region": "eu",
            "credentials": CREDENTIALS,
            "caBundle": {"configMapName": "ca"},
        },
        runPolicy={"activeDeadlineSeconds": 9, "pendingDeadlineSeconds": 9, "ttlSecondsAfterFinished": 9},
        phases={
            "experts": experts | earlier,
            "trajectoryTransformer": earlier,
            "onlineDistillation": earlier,
            "students": students,
        },
    )
    return as_served(run)


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, (*path, key))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*path, 0))
    else:
        yield path


def another(name, value, found):
    """Another value of a field."""
    if name in FITTING:
        return FITTING[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return next((choice for choice in found.get("enum", [f"{value}x"]) if choice != value), value)
    if isinstance(value, float):
        half = value / 2 if value else 0.5
        return half if half >= found.get("minimum", half) else value * 1.5
    return value + 1 if value < found.get("maximum", value + 1) else value - 1


def changed(run, path):
    """The run with another value at a path."""
    run = copy.deepcopy(run)
    holder = run
    for key in path[:-1]:
        holder = holder[key]
    found = NODES.get(".".join(map(str, path)).replace(".0", "[]"), {})
    holder[path[-1]] = another(path[-1], holder[path[-1]], found)
    return run


def with_storage(run, **fields):
    """The run with other fields in its storage, None for none."""
    storage = {key: value for key, value in (run["spec"]["storage"] | fields).items() if value is not None}
    return run | {"spec": run["spec"] | {"storage": storage}}


def without_early_stop(run):
    run = copy.deepcopy(run)
    del run["spec"]["phases"]["experts"]["params"]["stopAtSuccess"]
    return run


def changes(run):
    """Every field with another value, and what may be left out gone, or come."""
    yield from (changed(run, ("spec", *path)) for path in leaves(run["spec"]))
    yield from (with_storage(run, **{name: None}) for name in ("endpoint", "region", "caBundle"))
    yield with_storage(run, uri="file:///data", credentials=None)
    yield with_storage(run, credentials={"serviceAccountName": "trainer"})
    yield without_early_stop(run)


def begun(run, reason="Validated", writes=1):
    conditions = [{"reason": reason}]
    return run | {"status": {"specHash": "0123456789abcdef", "conditions": conditions, "writes": writes}}


def typed(run):
    return Spec.model_validate(run["spec"])


def refusals(paths):
    return {f"{path}: can't be changed once the run has begun; give the run another name" for path in paths}


def told(after, before=None):
    return {str(refusal) for refusal in broken_rules(SCHEMA, after, before)}


def test_the_server_freezes_the_fields_that_the_operator_freezes():
    before, frozen = full_run(), set()
    for after in changes(before):
        fields = [path for path, _ in changed_fields(typed(before), typed(after))]
        assert bool(fields) == (spec_hash(typed(before)) != spec_hash(typed(after)))
        alone = told(after)
        assert told(begun(after), begun(before)) - alone == refusals(fields)
        assert told(after, before) == alone, f"{fields}: it has not begun yet"
        frozen |= set(fields)
    rules = SCHEMA["x-kubernetes-validations"]
    assert frozen == {rule["fieldPath"][1:] for rule in rules if rule["reason"] == FORBIDDEN}


def test_fields_are_not_compared_when_the_status_is_written():
    before, after = full_run(), full_run() | {"spec": full_run()["spec"] | {"seed": 7}}
    assert told(begun(after, writes=2), begun(before)) == told(after)


@pytest.mark.parametrize("path", ["spec.tasks", "spec.phases.students.params.tasks"])
def test_the_order_of_tasks_must_not_change(path):
    before, after = full_run(), full_run()
    for run in (before, after):
        run["spec"]["phases"]["students"]["params"]["tasks"] = [
            {"env": name, "robot": "sawyer"} for name in ("reach-v3", "push-v3")
        ]
    node(after, path).reverse()
    assert [changed for changed, _ in changed_fields(typed(before), typed(after))] == [path]
    assert told(begun(after), begun(before)) == refusals([path])


def node(document, path):
    for name in path.split("."):
        document = document[name]
    return document


def test_a_change_that_only_the_operator_refuses_may_be_taken_back():
    before = full_run()
    after = changed(before, ("spec", "seed"))
    assert told(begun(after), begun(before, "SpecChanged")) == set()
