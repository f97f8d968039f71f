"""The API server's rules and the operator's own checks say the same of the same runs."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests.api_server_model import broken_rules, rules, violations
from manifests.served_runs import KUBERNETES, SCHEMA, VOLUME, as_served, stored_run
from support.run_bodies import CREDENTIALS

from collectiverun_operator.api.run import parse_run
from collectiverun_operator.errors import Fault, InvalidRun
from collectiverun_trainer.config import TASK_NAMES


def operator_faults(run):
    """What the operator finds wrong with a run as the server hands it out."""
    try:
        parse_run(as_served(run), KUBERNETES)
    except InvalidRun as error:
        return list(error.faults)
    return []


def server_faults(run):
    return [*violations(SCHEMA, as_served(run)), *broken_rules(SCHEMA, run)]


def phase(name, **params):
    return {"phases": {name: {"params": params}}}


def stored(uri, **more):
    return {"storage": {"uri": uri} | more, "podTemplate": VOLUME}


def reached_at(endpoint):
    return stored("s3://bucket", credentials=CREDENTIALS, endpoint=endpoint)


def reusing(phase, address):
    return {"phases": {phase: {"from": address}}}


# One rule is broken by each.
BROKEN = {
    "a seed beside other seeds": {"seed": 7, "seeds": [1, 2]},
    "seeds of too many tasks": {
        "seeds": list(range(8)),
        "tasks": [{"env": name} for name in TASK_NAMES[:17]],
    },
    "half a decision": {"environment": {"horizonEnvSteps": 101}},
    "a robot that nobody has": {"tasks": [{"env": "reach-v3", "robot": "my-arm"}]},
    "an arm with the name of another": {"robotModels": [{"name": "kuka", "configMapName": "kuka"}]},
    "an arm that the cluster has not": {"robotModels": [{"name": "my-arm", "path": "my-arm.xml"}]},
    "a student of a foreign task": phase("students", tasks=[{"env": "push-v3"}]),
    "an expert of less than an episode": phase("experts", totalEnvSteps=400, randomEnvSteps=500),
    "a student of less than an episode": phase("students", totalEnvSteps=499),
    "an expert of nothing but random steps": phase("experts", totalEnvSteps=1000),
    "a student of nothing but random steps": phase("students", totalEnvSteps=1000),
    "an expert that imitates nobody": phase("experts", imitationWeight=0.5),
    "a student that imitates nobody": phase("students", imitationGradientSteps=10),
    "less than an episode each": phase("onlineDistillation", envStepsPerTask=2000),
    "heads that do not divide": phase("trajectoryTransformer", heads=5),
    "no loss at all": phase(
        "trajectoryTransformer", contrastiveWeight=0, reconstructionWeight=0, temporalWeight=0
    ),
    "shares of more than all": phase("onlineDistillation", randomShare=0.5),
    "only holdouts": {"tasks": [{"env": "reach-v3", "holdout": True}]},
    "no credentials": stored("s3://bucket"),
    "both credentials": stored("s3://bucket", credentials=CREDENTIALS | {"serviceAccountName": "trainer"}),
    "neither credential": stored("s3://bucket", credentials={}),
    "a space": stored("s3://bucket/a b", credentials=CREDENTIALS),
    "a query": stored("file:///data?x"),
    "a foreign kind of storage": stored("gs://bucket"),
    "no bucket": stored("s3:///x", credentials=CREDENTIALS),
    "a short bucket": stored("s3://ab/x", credentials=CREDENTIALS),
    "no bucket of anyone": stored("s3://b(1)/x", credentials=CREDENTIALS, endpoint="https://s3"),
    "a relative path": stored("file://data"),
    "a folder beside the run file": stored("file://./runs"),
    "the whole file system": stored("file:///"),
    "a path upwards": stored("file:///data/../data/x"),
    "an endpoint without scheme": reached_at("s3:9000"),
    "an endpoint without host": reached_at("https://"),
    "a host with an underscore": reached_at("http://min_io:9000"),
    "a port above all": reached_at("http://s3:65536"),
    "a password in the address": reached_at("https://user:secret@s3"),
    "capitals in a bucket of AWS": stored("s3://Bucket/x", credentials=CREDENTIALS),
    "experts of a run's name": reusing("experts", "quickstart"),
    "an encoder of elsewhere": reusing("trajectoryTransformer", "gs://bucket/run"),
    "a collective from above": reusing("onlineDistillation", "s3://bucket/../run"),
    "experts of another kind of storage": reusing("experts", "file:///data/run"),
    "an encoder of another kind of storage": reusing("trajectoryTransformer", "file:///data/run"),
    "a collective of another kind of storage": reusing("onlineDistillation", "file:///data/run"),
}


def plain(faults):
    """Field and sentence of each fault, without its place in a list and without quotation marks."""
    return {
        (re.sub(r"\[\d+\]$", "", fault.path), re.sub(r"""['"[\]]""", "", fault.message)) for fault in faults
    }


@pytest.mark.parametrize("spec", BROKEN.values(), ids=BROKEN.keys())
def test_a_rule_tells_the_field_that_the_operator_tells_and_says_the_same(spec):
    run = stored_run(**spec)
    assert violations(SCHEMA, as_served(run)) == []
    (refusal,) = broken_rules(SCHEMA, run)
    assert plain([Fault(refusal.field, refusal.sentence)]) == plain(operator_faults(run))


def test_every_rule_about_one_run_is_broken_by_some_run_above():
    broken = {
        refusal.rule for spec in BROKEN.values() for refusal in broken_rules(SCHEMA, stored_run(**spec))
    }
    assert broken == {rule["rule"] for path, rule in rules(SCHEMA) if path}


@pytest.mark.parametrize("spec", BROKEN.values(), ids=BROKEN.keys())
def test_what_an_older_definition_let_in_is_left_alone_until_it_changes(spec):
    """Rules that do not look at what was stored are left out by the server itself: ratcheting."""
    stored, at_once = (
        stored_run(**spec),
        {rule["rule"] for _, rule in rules(SCHEMA) if "oldSelf" not in rule["rule"]},
    )
    suspended = stored | {"spec": stored["spec"] | {"suspend": True}}
    assert {refusal.rule for refusal in broken_rules(SCHEMA, suspended, stored)} <= at_once
    assert len(broken_rules(SCHEMA, stored, stored_run())) == 1


MODELS = [
    {"name": "my-arm", "configMapName": "my-arm"},
    {"name": "my-arm", "path": "my-arm.xml"},
    {"name": "panda", "configMapName": "panda"},
]
TASKS = [
    *({"env": name, "robot": "sawyer"} for name in ("reach-v3", "push-v3", "reach-v2")),
    {"env": "reach-v3", "robot": "my-arm"},
]
URIS = [
    "s3://bucket",
    "s3://bucket/a/../b",
    "S3://bucket",
    "s3://b",
    "s3://Bucket/x",
    "s3://team:My_Bucket/x",
    "s3://$x/y",
    "s3:///x",
    "file://../x",
    "file://.x/y",
    "file://..",
    "s3://a?b",
    "s3://bucket/x?",
    "s3://bucket/a b",
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
        "robotModels": draw(st.lists(st.sampled_from(MODELS), max_size=2)),
        "storage": {
            "uri": draw(st.sampled_from(URIS)),
        }
        | draw(
            st.just({})
            | st.fixed_dictionaries(
                {
                    "endpoint": st.sampled_from(
                        [
                            *(
                                "https://s3:9000",
                                "http://s3/path",
                                "http://10.0.0.1:9000/",
                                "http://[::1]:9000",
                            ),
                            *(
                                "s3:9000",
                                "https://",
                                "https://a b",
                                "http://a_b",
                                "http://a-.b",
                                "http://s3:0",
                            ),
                            *(
                                "http://s3:65535",
                                "http://s3:65536",
                                "http://a@s3",
                                "http://s3?x",
                                f"http://{'a' * 64}",
                            ),
                        ]
                    )
                }
            )
        )
        | draw(
            st.sampled_from(
                [
                    {},
                    {"credentials": CREDENTIALS},
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
                "robotModels",
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
    run = stored_run(podTemplate=VOLUME, **sections(spec, chosen))
    assert bool(server_faults(run)) == bool(operator_faults(run)), (server_faults(run), operator_faults(run))
