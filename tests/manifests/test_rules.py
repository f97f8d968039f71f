"""The API server's rules and the operator's own checks say the same of the same runs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests.api_server_model import broken_rules, violations
from manifests.served_runs import KUBERNETES, SCHEMA, SECRET, VOLUME, a_run, as_served

from collectiverun_operator.errors import InvalidRun
from collectiverun_operator.manifests.rules import all_rules
from collectiverun_operator.resource import parse_run


def operator_faults(run):
    """What the operator finds wrong with a run as the server hands it out."""
    try:
        parse_run(as_served(run), KUBERNETES)
    except InvalidRun as error:
        return [str(fault) for fault in error.faults]
    return []


def server_faults(run):
    return violations(SCHEMA, as_served(run)) + broken_rules(SCHEMA, run)


def phase(name, **params):
    return {"phases": {name: {"params": params}}}


def stored(uri, **more):
    return {"storage": {"uri": uri} | more, "podTemplate": VOLUME}


BROKEN = {
    "half a decision": ({"environment": {"horizonEnvSteps": 101}}, "multiple of actionRepeat"),
    "a student of a foreign task": (phase("students", tasks=[{"env": "push-v3"}]), "not among spec.tasks"),
    "less than an episode": (phase("experts", totalEnvSteps=400, randomEnvSteps=0), "less than one episode"),
    "nothing but random steps": (phase("students", totalEnvSteps=1000), "leaves none of totalEnvSteps"),
    "less than an episode each": (phase("onlineDistillation", envStepsPerTask=2000), "in each of"),
    "heads that do not divide": (phase("trajectoryTransformer", heads=5), "multiple of heads"),
    "no loss at all": (
        phase("trajectoryTransformer", contrastiveWeight=0, reconstructionWeight=0, temporalWeight=0),
        "nothing to learn",
    ),
    "shares of more than all": (phase("onlineDistillation", randomShare=0.5), "more than 1"),
    "only holdouts": ({"tasks": [{"env": "reach-v3", "holdout": True}]}, "at least one must be trained on"),
    "no credentials": (stored("s3://bucket"), "required for s3://"),
    "no bucket": (stored("s3:///x", credentials=SECRET), "names no bucket"),
    "a short bucket": (stored("s3://ab", credentials=SECRET), "names no bucket"),
    "a relative path": (stored("file://data"), "absolute directory"),
    "the whole file system": (stored("file:///"), "absolute directory"),
    "a path upwards": (stored("file:///data/../data/x"), "'..'"),
    "both credentials": (
        stored("s3://bucket", credentials=SECRET | {"serviceAccountName": "trainer"}),
        "exactly one",
    ),
    "neither credential": (stored("s3://bucket", credentials={}), "exactly one"),
}


@pytest.mark.parametrize(("spec", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_rule_refuses_what_the_operator_refuses(spec, said):
    run = a_run(**spec)
    assert violations(SCHEMA, as_served(run)) == []
    (message,) = broken_rules(SCHEMA, run)
    assert said in message
    assert operator_faults(run)


def test_every_rule_about_one_run_is_broken_by_some_run_above():
    messages = {rule.message for path, rules in all_rules().items() if path for rule in rules}
    shown = {message for spec, _ in BROKEN.values() for message in broken_rules(SCHEMA, a_run(**spec))}
    other_phase = {message.replace("students", "experts") for message in shown}
    assert messages - shown - other_phase - {m.replace("experts", "students") for m in shown} == set()


TASKS = [{"env": name, "robot": "sawyer"} for name in ("reach-v3", "push-v3", "reach-v2")]
URIS = [
    "s3://bucket",
    "s3://bucket/a/../b",
    "S3://bucket",
    "s3://b",
    "s3://Bucket/x",
    "s3:///x",
    "s3://a?b",
    "file:///data/x",
    "file:///data/..",
    "file:///",
    "file:///data/x..y",
    "file:/data",
    "file://host/data",
    "gs://bucket",
    "",
]


@st.composite
def specs(draw):
    """Specs around the edges of every rule."""
    share, steps = st.sampled_from([0, 0.1, 0.4, 0.6, 0.9, 1]), st.sampled_from([200, 400, 500, 1000, 2500])
    weight, few_tasks = st.sampled_from([0, 0.25]), st.lists(st.sampled_from(TASKS), max_size=3)
    sac = {"totalEnvSteps": draw(steps), "randomEnvSteps": draw(steps | st.just(0))}
    return {
        "tasks": [task | {"holdout": draw(st.booleans())} for task in draw(few_tasks)],
        "storage": {
            "uri": draw(st.sampled_from(URIS)),
            "endpoint": draw(
                st.sampled_from(["https://s3:9000", "http://s3", "s3:9000", "https://", "https://a b"])
            ),
        }
        | draw(
            st.sampled_from(
                [
                    {},
                    {"credentials": SECRET},
                    {"credentials": {}},
                    {"credentials": {"serviceAccountName": "A"}},
                ]
            )
        ),
        "podTemplate": VOLUME,
        "environment": {"horizonEnvSteps": draw(steps), "actionRepeat": draw(st.sampled_from([2, 3]))},
        "phases": {
            "experts": {"params": sac | {"source": draw(st.sampled_from(["sac", "scripted"]))}},
            "students": {"params": {"tasks": draw(few_tasks)}},
            "trajectoryTransformer": {
                "params": {
                    "heads": draw(st.sampled_from([1, 2, 3])),
                    "contrastiveWeight": draw(weight),
                    "reconstructionWeight": draw(weight),
                    "temporalWeight": draw(weight),
                }
            },
            "onlineDistillation": {
                "params": {
                    "randomShare": draw(share),
                    "collectiveShare": draw(share),
                    "envStepsPerTask": draw(steps),
                    "environmentsPerTask": draw(st.sampled_from([1, 5])),
                }
            },
        },
    }


def sections(spec, chosen):
    """Only some sections of a spec, so that one fault does not hide another."""
    kept = {key: value for key, value in spec.items() if key in chosen}
    if "phases" in spec:
        kept["phases"] = {key: value for key, value in spec["phases"].items() if key in chosen}
    return kept


@pytest.mark.timeout(900)
@settings(max_examples=600)
@given(
    specs(),
    st.sets(
        st.sampled_from(
            [
                "tasks",
                "storage",
                "environment",
                "experts",
                "students",
                "trajectoryTransformer",
                "onlineDistillation",
            ]
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_server_and_operator_refuse_the_same_runs(spec, chosen):
    run = a_run(podTemplate=VOLUME, **sections(spec, chosen))
    assert bool(server_faults(run)) == bool(operator_faults(run)), (server_faults(run), operator_faults(run))
