"""What makes a run file acceptable, and the one sentence each fault gets."""

import pytest
from support.run_bodies import tasks
from unit_operator.builders import HERE, KUBERNETES, a_body, a_run

from collectiverun_operator.api.run import Platform, local_uid, parse_run
from collectiverun_operator.errors import InvalidRun

S3 = {"uri": "s3://bucket/runs"}
SECRET = {"secretRef": {"name": "keys"}}


def params(phase, **values):
    return {"phases": {phase: {"params": values}}}


def storage(**values):
    return {"storage": {"uri": "file:///data"} | values}


def mounted_at(path):
    mount = {"name": "data", "mountPath": path}
    return {"spec": {"containers": [{"name": "trainer", "volumeMounts": [mount]}]}}


def trainer(**values):
    return {"podTemplate": {"spec": {"containers": [{"name": "trainer"} | values]}}}


def faults_of(body, platform=HERE):
    with pytest.raises(InvalidRun) as refused:
        parse_run(body, platform)
    return {fault.path: fault.message for fault in refused.value.faults}


def own_arms(*models):
    return {"robotModels": list(models)}


def reusing(address):
    return {"phases": {"experts": {"from": address}}}


FAULTY_SPECS = {
    "an earlier run by its name": (reusing("quickstart"), "spec.phases.experts.from", "no address of an"),
    "an earlier run behind a line": (reusing("file:///a\n"), "spec.phases.experts.from", "no address of an"),
    "an earlier run in a bucket": (
        storage() | reusing("s3://bucket/run"),
        "spec.phases.experts.from",
        "is not in the kind of storage that spec.storage.uri names; copy that run there first",
    ),
    "no tasks": ({"tasks": []}, "spec.tasks", "at least 1 entry, not 0"),
    "too many tasks": ({"tasks": tasks("reach") * 129}, "spec.tasks", "at most 128 entries, not 129"),
    "unknown task": ({"tasks": tasks("raech")}, "spec.tasks[0]", "did you mean 'reach-v3'?"),
    "unknown robot": (
        {"tasks": [{"env": "reach-v3", "robot": "pamda"}]},
        "spec.tasks[0]",
        "'pamda' is no robot: it is not built in (sawyer, panda, ur5e, ur10e, iiwa, xarm7, gen3, viperx, z1),"
        " and robotModels has no arm of that name; did you mean 'panda'?",
    ),
    "a robot that can't be called so": (
        {"tasks": [{"env": "reach-v3", "robot": "My_Arm"}]},
        "spec.tasks[0]",
        "'My_Arm' is no robot",
    ),
    "an arm with the name of another": (
        own_arms({"name": "kuka", "path": "/kuka.xml"}),
        "spec.robotModels[0]",
        "'kuka' is the name of a built-in robot; give the arm another",
    ),
    "an arm that can't be called so": (
        own_arms({"name": "My_Arm", "path": "/arm.xml"}),
        "spec.robotModels[0].name",
        "My_Arm",
    ),
    "an arm twice": (
        own_arms(*[{"name": "my-arm", "path": "/arm.xml"}] * 2),
        "spec.robotModels",
        "'my-arm' is listed more than once",
    ),
    "an arm that only a cluster has": (
        own_arms({"name": "my-arm", "configMapName": "my-arm"}),
        "spec.robotModels[0]",
        "'my-arm' is not on this machine; give the file of its model as path",
    ),
    "the same robot by two names": (
        {"tasks": [{"env": "reach-v3", "robot": "kuka"}, {"env": "reach-v3", "robot": "iiwa"}]},
        "spec.tasks",
        "'reach-v3-iiwa'",
    ),
    "the same task twice": ({"tasks": tasks("reach", "push", "reach")}, "spec.tasks", "'reach-v3-sawyer'"),
    "only holdouts": ({"tasks": [{"env": "reach-v3", "holdout": True}]}, "spec.tasks", "at least one"),
    "a task that is a word": ({"tasks": ["reach-v3"]}, "spec.tasks[0]", "not 'reach-v3'"),
    "no such scheme": (storage(uri="ftp://host/x"), "spec.storage.uri", "s3:// or file://"),
    "a plain path": (storage(uri="/data"), "spec.storage.uri", "s3:// or file://"),
    "a relative path": (storage(uri="file://runs"), "spec.storage.uri", "absolute path"),
    "a folder beside the run file": (
        storage(uri="file://./runs"),
        "spec.storage.uri",
        "write s3://bucket/prefix",
    ),
    "the whole file system": (storage(uri="file:///"), "spec.storage.uri", "names no directory"),
    "a path upwards": (storage(uri="file:///data/../x"), "spec.storage.uri", "'..'"),
    "no bucket": (storage(uri="s3://"), "spec.storage.uri", "names no bucket"),
    "a short bucket": (storage(uri="s3://ab/x"), "spec.storage.uri", "'ab' is no bucket name"),
    "memory": (storage(uri="memory://x"), "spec.storage.uri", "for tests only"),
    "an endpoint without scheme": (storage(endpoint="localhost:9000"), "spec.storage.endpoint", "https://"),
    "a host with an underscore": (
        storage(endpoint="http://min_io:9000"),
        "spec.storage.endpoint",
        "'http://min_io",
    ),
    "a port that is none": (storage(endpoint="http://s3:70000"), "spec.storage.endpoint", "is not a URL"),
    "a password in an address": (
        storage(endpoint="http://u:p@s3"),
        "spec.storage.endpoint",
        "'user:password@…'",
    ),
    "capitals in a bucket of AWS": (storage(uri="s3://Team_Data/x"), "spec.storage.uri", "set endpoint"),
    "a bucket of nobody": (
        storage(uri="s3://b(1)/x", endpoint="http://s3"),
        "spec.storage.uri",
        "is no bucket name",
    ),
    "a secret on this machine": (
        storage(credentials=SECRET),
        "spec.storage.credentials",
        "AWS_ACCESS_KEY_ID",
    ),
    "both credentials": (
        storage(credentials=SECRET | {"serviceAccountName": "trainer"}),
        "spec.storage.credentials",
        "exactly one",
    ),
    "neither credential": (storage(credentials={}), "spec.storage.credentials", "exactly one"),
    "certificates on this machine": (
        storage(caBundle={"configMapName": "ca"}),
        "spec.storage.caBundle",
        "AWS_CA_BUNDLE",
    ),
    "a misspelt phase": (
        {"phases": {"refinment": {}}},
        "spec.phases.refinment",
        "did you mean 'refinement'?",
    ),
    "a misspelt parameter": (
        params("experts", learningrate=0.1),
        "spec.phases.experts.params.learningrate",
        "did you mean 'learningRate'?",
    ),
    "a snake case parameter": (
        params("experts", learning_rate=0.1),
        "spec.phases.experts.params.learning_rate",
        "did you mean 'learningRate'?",
    ),
    "a number in quotes": (
        params("experts", learningRate="0.1"),
        "spec.phases.experts.params.learningRate",
        "valid number, not '0.1'",
    ),
    "true for a number": ({"seed": True}, "spec.seed", "valid integer, not true"),
    "a parameter out of range": (
        params("experts", discount=1.5),
        "spec.phases.experts.params.discount",
        "less than 1, not 1.5",
    ),
    "not a number": (params("experts", discount=float("nan")), "spec.phases.experts.params.discount", "not"),
    "heads that do not divide": (
        params("trajectoryTransformer", heads=5),
        "spec.phases.trajectoryTransformer.params",
        "not a multiple of heads 5",
    ),
    "half a decision": (
        {"environment": {"horizonEnvSteps": 101}},
        "spec.environment",
        "not a multiple of actionRepeat 2",
    ),
    "less than one episode of training": (
        params("experts", totalEnvSteps=400),
        "spec.phases.experts.params.totalEnvSteps",
        "less than one episode of 500 env steps",
    ),
    "nothing but random steps": (
        params("students", totalEnvSteps=1000),
        "spec.phases.students.params.randomEnvSteps",
        "leaves none of totalEnvSteps 1000",
    ),
    "less than one episode per environment": (
        params("onlineDistillation", envStepsPerTask=2000),
        "spec.phases.onlineDistillation.params.envStepsPerTask",
        "raise it to 2500",
    ),
    "a student of a task that is not there": (
        params("students", tasks=tasks("push")),
        "spec.phases.students.params.tasks[0]",
        "'push-v3-sawyer' is no task of this run",
    ),
    "a student twice": (
        params("students", tasks=tasks("reach", "reach")),
        "spec.phases.students.params.tasks[1]",
        "more than once",
    ),
    "enabled where it can't be": (
        {"phases": {"experts": {"enabled": False}}},
        "spec.phases.experts.enabled",
        "unknown field 'enabled'",
    ),
    "no quantity": (
        {"phases": {"experts": {"resources": {"limits": {"cpu": "two"}}}}},
        "spec.phases.experts.resources.limits.cpu",
        "'two' is not a quantity",
    ),
    "a deadline of zero": (
        {"runPolicy": {"activeDeadlineSeconds": 0}},
        "spec.runPolicy.activeDeadlineSeconds",
        "greater than or equal to 1, not 0",
    ),
    "a template that is no template": (
        {"podTemplate": {"nodeSelector": {}}},
        "spec.podTemplate.nodeSelector",
        "there are metadata, spec",
    ),
    "another command": (trainer(command=["sh"]), "spec.podTemplate.spec.containers[0].command", "overridden"),
    "our variable": (
        trainer(env=[{"name": "COLLECTIVERUN_POD_UID", "value": "x"}]),
        "spec.podTemplate.spec.containers[0].env[0]",
        "set by the operator",
    ),
    "an unrestricted Pod": (
        {"podTemplate": {"spec": {"securityContext": {"runAsNonRoot": False}}}},
        "spec.podTemplate.spec.securityContext.runAsNonRoot",
        "overridden",
    ),
    "root": (
        {"podTemplate": {"spec": {"securityContext": {"runAsUser": 0}}}},
        "spec.podTemplate.spec.securityContext.runAsUser",
        "give another user",
    ),
    "kernel parameters": (
        {"podTemplate": {"spec": {"securityContext": {"sysctls": [{"name": "a", "value": "1"}]}}}},
        "spec.podTemplate.spec.securityContext.sysctls",
        "remove it",
    ),
    "containers that are a word": (
        {"podTemplate": {"spec": {"containers": "trainer"}}},
        "spec.podTemplate.spec.containers",
        "a list of mappings",
    ),
    "spaces in the image": ({"image": "a b"}, "spec.image", "pattern"),
}


@pytest.mark.parametrize("bucket", ["Team_Data", "tenant:bucket", "my_bucket", "a"])
def test_another_servers_buckets_are_held_to_no_rule_of_awss(bucket: str):
    run = a_run(storage=storage(uri=f"s3://{bucket}/x", endpoint="http://s3:9000")["storage"])
    assert run.spec.storage.uri == f"s3://{bucket}/x"


@pytest.mark.parametrize(("spec", "path", "said"), FAULTY_SPECS.values(), ids=FAULTY_SPECS.keys())
def test_a_faulty_spec_is_refused_with_its_path(spec, path, said):
    faults = faults_of(a_body(**spec))
    assert list(faults) == [path]
    assert said in faults[path]


FAULTY_BODIES = {
    "a list": ([], "", "one mapping, not list"),
    "a capital in the name": (a_body(name="Demo"), "metadata.name", "'Demo' must consist of lower-case"),
    "a digit first": (a_body(name="1a"), "metadata.name", "begin with a letter"),
    "a hyphen last": (a_body(name="a-"), "metadata.name", "not end with '-'"),
    "a line break in the name": (a_body(name="a\n"), "metadata.name", "must consist"),
    "a huge name": (a_body(name="a" * 41), "metadata.name", "has 41 characters; at most 40"),
    "a number for a name": (a_body(metadata={"name": 7}), "metadata.name", "must be a string, not 7"),
    "no name": (a_body(metadata={"name": None}), "metadata.name", "is required"),
    "a bad namespace": (a_body(metadata={"namespace": "a.b"}), "metadata.namespace", "'a.b' must consist"),
    "another kind": (a_body() | {"kind": "Job"}, "kind", "is 'Job'; write CollectiveRun"),
    "another version": (a_body() | {"apiVersion": "v1"}, "apiVersion", "write collectiverl.io/v1alpha1"),
    "a field beside spec": (a_body() | {"specs": {}}, "specs", "did you mean 'spec'?"),
    "a spec that is a list": (a_body() | {"spec": []}, "spec", "must be a mapping, not []"),
    "no spec": (a_body() | {"spec": None}, "spec", "is required"),
}


@pytest.mark.parametrize(("body", "path", "said"), FAULTY_BODIES.values(), ids=FAULTY_BODIES.keys())
def test_a_faulty_body_is_refused_with_its_path(body, path, said):
    faults = faults_of(body)
    assert list(faults) == [path]
    assert said in faults[path]


def test_all_faults_are_told_at_once():
    spec = {
        "seed": -1,
        "tasks": tasks("reach"),
        "storage": {"uri": "s3://", "credentials": SECRET},
        "phases": {
            "experts": {"params": {"learningRate": 0, "totalEnvSteps": 10}},
            "students": {"params": {"tasks": tasks("push")}},
        },
    }
    assert list(faults_of(a_body(name="Demo") | {"kind": "Run", "spec": spec})) == [
        "kind",
        "metadata.name",
        "spec.seed",
        "spec.storage.uri",
        "spec.phases.experts.params.learningRate",
        "spec.phases.students.params.tasks[0]",
    ]


def test_a_document_inside_itself_is_refused():
    endless = []
    endless.append(endless)
    assert "not plain data" in faults_of(a_body(tasks=endless))["spec"]


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        pytest.param({"storage": S3}, "spec.storage.credentials", "required for s3://", id="no credentials"),
        pytest.param(
            {}, "spec.storage.uri", "lies in no volume of the Pods of phase experts", id="no volume"
        ),
        pytest.param(
            {"podTemplate": mounted_at("/dat")}, "spec.storage.uri", "no volume", id="volume beside"
        ),
        pytest.param(
            {"podTemplate": mounted_at("/data")} | reusing("file:///old/run"),
            "spec.phases.experts.from",
            "lies in no volume of the Pods of phase experts; mount one at /old/run or above",
            id="an earlier run in no volume",
        ),
    ],
)
def test_what_kubernetes_needs_beside(spec, path, said):
    body = a_body(metadata={"uid": "u"}, **({"storage": {"uri": "file:///data/runs"}} | spec))
    assert said in faults_of(body, KUBERNETES)[path]


def test_a_run_on_kubernetes_needs_an_image_and_a_uid():
    body = a_body(storage=S3 | {"credentials": SECRET})
    assert list(faults_of(body, Platform(local=False))) == ["metadata.uid", "spec.image"]


def test_kubernetes_accepts_secrets_and_mounted_directories():
    uid = {"uid": "3f2a1b00-aaaa"}
    assert a_run(metadata=uid, platform=KUBERNETES, storage=S3 | {"credentials": SECRET}).uid == uid["uid"]
    assert (
        a_run(metadata=uid, platform=KUBERNETES, podTemplate=mounted_at("/data")).spec.storage.scheme
        == "file"
    )


def test_defaults_fill_everything_but_tasks_and_storage():
    spec = a_run().spec
    assert (spec.seed, spec.environment.horizon, spec.run_policy.retries.infrastructure) == (1, 250, 20)
    assert (spec.phases.students.enabled, spec.phases.experts.tasks_per_job) == (False, 1)


def test_the_local_uid_depends_on_namespace_name_and_storage():
    assert a_run().uid == local_uid("default", "demo", "file:///data/runs") == a_run(seed=2).uid
    others = {a_run(name="other").uid, a_run(metadata={"namespace": "team"}).uid, a_run(storage=S3).uid}
    assert len(others | {a_run().uid}) == 4
