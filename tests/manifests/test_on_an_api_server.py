"""What a user meets with kubectl on a real API server."""

import json
import re
from pathlib import Path

import pytest
import yaml
from manifests.served_runs import as_served
from support.run_bodies import CREDENTIALS, run_body, tasks
from testbed.kubernetes.client_tools import CommandError
from testbed.kubernetes.crd import CRD
from unit_operator.builders import a_body, ended, rejected
from unit_operator.story import Story

from collectiverun_operator.api.run import parse_run
from collectiverun_operator.api.spec import Spec
from collectiverun_operator.api.status_json import status_document
from collectiverun_operator.api.trainer_report import read_progress
from collectiverun_operator.errors import Fault
from collectiverun_operator.manifests.crd import NAME
from collectiverun_operator.plan.observing import observe
from collectiverun_operator.plan.plan import plan

pytestmark = pytest.mark.timeout(900)  # the first one starts the control plane
EXAMPLES = Path(__file__).parents[2] / "examples"


def params(phase, **values):
    return {"phases": {phase: {"params": values}}}


def storage(**values):
    return {"storage": {"uri": "s3://bucket", "credentials": CREDENTIALS} | values}


# What the schema alone refuses; what rules refuse is in test_refusals.py.
BAD = {
    "an unknown task": ({"tasks": tasks("raech")}, "spec.tasks[0].env", 'Unsupported value: "raech-v3"'),
    "a robot that can't be called so": (
        {"tasks": [{"env": "reach-v3", "robot": "My_Arm"}]},
        "spec.tasks[0].robot",
        'Invalid value: "My_Arm"',
    ),
    "an arm twice": (
        {"robotModels": [{"name": "my-arm", "configMapName": "my-arm"}] * 2},
        "spec.robotModels[1]",
        "Duplicate value",
    ),
    "a task twice": ({"tasks": tasks("reach", "reach")}, "spec.tasks[1]", "Duplicate value"),
    "no tasks": ({"tasks": []}, "spec.tasks", "at least 1"),
    "a student twice": (
        params("students", tasks=tasks("reach", "reach")),
        "spec.phases.students.params.tasks[1]",
        "Duplicate value",
    ),
    "an unknown way of addressing": (
        storage(addressing="path"),
        "spec.storage.addressing",
        'supported values: "Path", "Virtual"',
    ),
    "a Secret without a name": (
        storage(credentials={"secretRef": {}}),
        "spec.storage.credentials.secretRef.name",
        "Required value",
    ),
    "a number in quotes": (
        params("experts", learningRate="0.1"),
        "spec.phases.experts.params.learningRate",
        'must be of type number: "string"',
    ),
    "a discount of one": (
        params("experts", discount=1),
        "spec.phases.experts.params.discount",
        "should be less than 1",
    ),
    "an unknown choice": (
        params("students", mode="magic"),
        "spec.phases.students.params.mode",
        '"shaping", "finetune"',
    ),
    "no quantity": (
        {"phases": {"experts": {"resources": {"limits": {"cpu": "two"}}}}},
        "spec.phases.experts.resources.limits.cpu",
        "should match",
    ),
    "a deadline of zero": (
        {"runPolicy": {"activeDeadlineSeconds": 0}},
        "spec.runPolicy.activeDeadlineSeconds",
        "greater than or equal to 1",
    ),
}


@pytest.mark.parametrize(("spec", "path", "said"), BAD.values(), ids=BAD.keys())
def test_apply_refuses(namespace, spec, path, said):
    with pytest.raises(CommandError) as refused:
        namespace.apply(run_body(**spec))
    assert f"{path}: " in str(refused.value)
    assert said in str(refused.value)


UNKNOWN = {
    "spec.phases.experts.params.learningrate": params("experts", learningrate=0.1),
    "spec.phases.refinment": {"phases": {"refinment": {}}},
    "spec.sede": {"sede": 2},
}


@pytest.mark.parametrize(("path", "spec"), UNKNOWN.items())
def test_apply_refuses_an_unknown_field_by_its_path(namespace, path, spec):
    with pytest.raises(CommandError, match=f'strict decoding error: unknown field "{re.escape(path)}"$'):
        namespace.apply(run_body(**spec))


def test_an_unknown_field_of_a_run_that_is_there_is_told_at_the_end_of_a_long_line(namespace):
    namespace.apply(run_body())
    with pytest.raises(CommandError, match=r'strict decoding error: unknown field "spec\.sede"$'):
        namespace.apply(run_body(sede=2))


@pytest.mark.parametrize("name", ["a" * 41, "1st", "two.parts"])
def test_apply_refuses_a_name_that_does_not_fit_into_those_of_jobs(namespace, name):
    with pytest.raises(CommandError, match=r"metadata\.name"):
        namespace.apply(run_body(name))


def test_the_server_itself_refuses_a_wrong_type(namespace):
    with pytest.raises(
        CommandError, match=r"learningRate: Invalid value: \"string\".*must be of type number"
    ):
        namespace.apply(run_body(**params("experts", learningRate="0.1")), "--validate=false")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_is_filled_in_as_the_operator_would(namespace, path):
    example = yaml.safe_load(path.read_text())
    # Where artifacts live is the one thing that differs from place to place.
    example["spec"]["storage"] = storage()["storage"]
    namespace.apply(example)
    served = namespace.get("collectiveruns", example["metadata"]["name"])
    assert served["spec"] == as_served(example)["spec"]
    assert Spec.model_validate_json(json.dumps(served["spec"]), strict=True) == Spec.model_validate(
        example["spec"]
    )


def test_no_resources_at_all_is_not_the_same_as_none_given(namespace):
    namespace.apply(run_body(phases={"experts": {"resources": {}}}))
    phases = namespace.get("collectiveruns", "demo")["spec"]["phases"]
    assert phases["experts"]["resources"] == {}
    assert "resources" not in phases["evaluation"]


def test_the_pod_template_is_kept_as_it_is(namespace):
    template = {
        "metadata": {"annotations": {"a": "b"}},
        "spec": {"tolerations": [{"key": "nvidia.com/gpu"}], "dnsConfig": {"options": [{"name": "ndots"}]}},
    }
    namespace.apply(run_body(podTemplate=template))
    assert namespace.get("collectiveruns", "demo")["spec"]["podTemplate"] == template


def test_a_status_in_a_file_is_left_out_and_one_that_is_written_stays(namespace):
    namespace.apply(run_body() | {"status": {"state": "Complete"}})
    assert "status" not in namespace.get("collectiveruns", "demo")
    namespace.write_status("collectiveruns", "demo", Story().settle().status)
    namespace.apply(run_body(suspend=True))
    served = namespace.get("collectiveruns", "demo")
    assert (served["status"]["state"], served["metadata"]["generation"]) == ("Pending", 2)


def test_nobody_changes_a_run_by_claiming_to_write_its_status(namespace):
    namespace.apply(run_body(seed=1))
    namespace.write_status("collectiveruns", "demo", Story().settle().status | {"writes": 5})
    served = namespace.get("collectiveruns", "demo")
    claim = served | {"spec": served["spec"] | {"seed": 2}, "status": served["status"] | {"writes": 6}}
    with pytest.raises(CommandError, match=r"spec\.seed: Forbidden: can't be changed"):
        namespace.kubectl("replace", "--filename", "-", stdin=json.dumps(claim))


def running_with_figures():
    story = Story(tasks=tasks("reach", "push"), phases={"experts": {"parallelism": 1}}).settle().start()
    line = {
        "envSteps": 500,
        "fraction": 0.5,
        "etaSeconds": 1900.0,
        "success": {"anyStep": 0.873, "atEnd": 0.5},
    }
    progress = {story.cluster.created[0]: read_progress(line)}
    observed = observe(story.cluster.jobs.values(), story.cluster.pods.values(), progress)
    return status_document(plan(parse_run(story.body), observed, story.now).status)


def failed():
    policy = {"retries": {"application": 1, "backoffSeconds": 1}}
    return Story(runPolicy=policy).settle().fail(ended(1)).wait(5).fail(ended(137, reason="OOMKilled")).status


STATUSES = {
    "running": (running_with_figures, "Running experts 0/5 87 % 1h35m"),
    "suspended": (lambda: Story(suspend=True).settle().status, "Suspended experts 0/4"),
    "rejected": (lambda: rejected(a_body(), Fault("spec", "is required")), "Rejected"),
    "failed": (failed, "Failed experts 0/4"),
    "complete": (lambda: Story().settle().finish().status, "Complete 4/4 90 %"),
}


@pytest.mark.parametrize(("make", "printed"), STATUSES.values(), ids=STATUSES.keys())
def test_columns_say_how_it_stands(namespace, make, printed):
    namespace.apply(run_body())
    status = make()
    namespace.write_status("collectiveruns", "demo", status)
    assert namespace.get("collectiveruns", "demo")["status"] == status
    header, row = namespace.kubectl("get", "crun").splitlines()
    assert header.split() == ["NAME", "STATE", "PHASE", "PROGRESS", "SUCCESS", "ETA", "AGE"]
    assert " ".join(row.split()[1:-1]) == printed


def test_wide_columns_say_more(namespace):
    namespace.apply(run_body())
    status = failed() | {"report": "file:///data/report.html", "queuePosition": 7}
    namespace.write_status("collectiveruns", "demo", status)
    header, row = namespace.kubectl("get", "collective", "--output", "wide").splitlines()
    columns = ["ACCEPTED", "SUSPEND", "RETRIES", "POSITION", "REASON", "STORAGE", "REPORT"]
    assert header.split()[-7:] == columns
    *told, storage, report = row.split()
    assert told[-5:] == ["Validated", "false", "1", "7", "OOMKilled"]
    assert storage.startswith("file:///data/runs/default/demo-")
    assert report == "file:///data/report.html"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("spec", "What the run is to do."),
        ("spec.tasks", "Name of the Meta-World environment, such as reach-v3."),
        ("spec.phases.experts.params", "Factor applied to Meta-World's reward"),
        ("spec.phases.experts.params.discount", "Discount factor on the value"),
        ("spec.runPolicy.pendingDeadlineSeconds", "Time in seconds a Pod has to start"),
        ("spec.podTemplate.spec", "Any field of a Pod's spec"),
        ("status.phases.members", "Retries spent on failures of the program."),
        ("status.conditions", "Why, in one CamelCase word."),
    ],
)
def test_explain_reads_like_documentation(namespace, path, said):
    text = namespace.kubectl("explain", f"collectiverun.{path}")
    assert said in " ".join(text.split())


def test_the_definition_can_be_applied_again(namespace):
    before = json.loads(namespace.kubectl("get", "crd", NAME, "--output", "json"))
    namespace.kubectl("apply", "--filename", str(CRD))
    after = json.loads(namespace.kubectl("get", "crd", NAME, "--output", "json"))
    assert after["spec"] == before["spec"]
