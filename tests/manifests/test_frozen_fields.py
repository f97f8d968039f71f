"""Once a run has begun, the API server refuses the changes that the operator would not act on."""

import copy

from manifests.api_server_model import broken_rules, nodes
from manifests.served_runs import SCHEMA, SECRET, VOLUME, a_run, as_served

from collectiverun_operator.manifests.rules import all_rules
from collectiverun_operator.specification.immutability import spec_hash
from collectiverun_operator.specification.run import Spec

NODES = dict(nodes(SCHEMA))
# Where two fields must fit together.
FITTING = {"horizonEnvSteps": 400, "actionRepeat": 4, "modelSize": 64, "heads": 4}


def full_run():
    """A run in which every field that can be set is."""
    experts = {"resources": {"limits": {"cpu": 1}}, "podTemplate": VOLUME, "params": {"stopAtSuccess": 0.5}}
    run = a_run(
        image="trainer:2",
        retryToken="a",
        podTemplate=VOLUME,
        tasks=[{"env": "reach-v3"}, {"env": "push-v3"}],
        storage={
            "uri": "s3://bucket",
            "endpoint": "https://s3",
            "region": "eu",
            "credentials": SECRET,
            "caBundle": {"configMapName": "ca"},
        },
        runPolicy={"activeDeadlineSeconds": 9, "pendingDeadlineSeconds": 9, "ttlSecondsAfterFinished": 9},
        phases={"experts": experts, "students": {"params": {"tasks": [{"env": "reach-v3"}]}}},
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
        return value / 2 if value else 0.5
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


def begun(run):
    return run | {"status": {"specHash": "0123456789abcdef"}}


def typed(run):
    return Spec.model_validate(run["spec"])


def test_the_server_freezes_the_fields_that_the_operator_freezes():
    before = full_run()
    frozen = set()
    for path in leaves(before["spec"]):
        after = changed(before, ("spec", *path))
        is_frozen = spec_hash(typed(before)) != spec_hash(typed(after))
        broken = broken_rules(SCHEMA, after)
        said = set(broken_rules(SCHEMA, begun(after), begun(before))) - set(broken)
        assert bool(said) == is_frozen, path
        assert broken_rules(SCHEMA, after, before) == broken, f"{path}: it has not begun yet"
        frozen |= {message.split()[0] for message in said}
    rules = {rule.message.split()[0] for rule in all_rules()[""]}
    assert frozen == rules, "every rule was broken"


def test_the_order_of_tasks_must_not_change():
    before, after = full_run(), full_run()
    after["spec"]["tasks"].reverse()
    assert spec_hash(typed(before)) != spec_hash(typed(after))
    (message,) = broken_rules(SCHEMA, begun(after), begun(before))
    assert message == "spec.tasks can't be changed once the run has begun; give the run another name"
