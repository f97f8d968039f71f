"""What kubectl prints about a run that breaks a rule: on a real API server, in the operator's words."""

import re

import pytest
from manifests.served_runs import stored_run
from manifests.test_frozen_fields import changed, full_run, leaves, typed, with_storage
from manifests.test_rules import BROKEN, operator_faults, plain
from support.run_bodies import run_body
from testbed.kubernetes.client_tools import CommandError

from collectiverun_operator.api.immutability import changed_fields
from collectiverun_operator.errors import Fault

pytestmark = pytest.mark.timeout(900)  # the first one starts the control plane

# Servers before 1.37 tell the type of what is refused before the sentence.
_LINE = re.compile(
    r"^(?:\* |The CollectiveRun \S+ is invalid: )(\S+): (Invalid value|Required value|Forbidden): "
    r'(?:"(?:object|array)": )?(.*)$',
    re.MULTILINE,
)


def refusals(namespace, run):
    """Path, kind and sentence of each line that kubectl prints about a run it can't apply."""
    with pytest.raises(CommandError) as refused:
        namespace.apply(run, "--dry-run=server")
    printed = refused.value.stderr
    found = _LINE.findall(printed)
    assert len(found) == len(re.findall(r"^\* |is invalid: \S", printed, re.MULTILINE)), printed
    return found


def named(run):
    return run | {"metadata": {"name": "demo"}}


@pytest.mark.parametrize("spec", BROKEN.values(), ids=BROKEN.keys())
def test_kubectl_tells_field_and_sentence_of_the_operators_own_fault(namespace, spec):
    ((path, kind, sentence),) = refusals(namespace, run_body(**spec))
    said = f"is required {sentence}" if kind == "Required value" else sentence
    assert plain([Fault(path, said)]) == plain(operator_faults(stored_run(**spec)))


@pytest.fixture(scope="module")
def before():
    """A run in which every field is given."""
    return named(full_run())


@pytest.fixture
def begun(namespace, before):
    """A namespace in which it has begun."""
    namespace.apply(before)
    namespace.write_status("collectiveruns", "demo", {"specHash": "0123456789abcdef"})
    return namespace


def with_another_of_all(run):
    """Every field changed; what else is wrong with it now is another matter."""
    for path in leaves(run["spec"]):
        run = changed(run, ("spec", *path))
    return run


CHANGES = {
    "everything": with_another_of_all,
    "another credential": lambda run: with_storage(run, credentials={"serviceAccountName": "trainer"}),
    "another kind of storage": lambda run: with_storage(run, uri="file:///data", credentials=None),
    "less of the storage": lambda run: with_storage(run, endpoint=None, region=None, caBundle=None),
    "another seed": lambda run: changed(run, ("spec", "seed")),
    "another order of tasks": lambda run: run | {"spec": run["spec"] | {"tasks": run["spec"]["tasks"][::-1]}},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_kubectl_tells_each_field_that_must_not_change(begun, before, change):
    after = change(before)
    frozen = {path: sentence for path, kind, sentence in refusals(begun, after) if kind == "Forbidden"}
    assert set(frozen) == {path for path, _ in changed_fields(typed(before), typed(after))}
    assert set(frozen.values()) == {"can't be changed once the run has begun; give the run another name"}


def test_what_may_change_is_let_in_after_the_beginning(begun, before):
    policy = {"activeDeadlineSeconds": 10}
    begun.apply(
        before | {"spec": before["spec"] | {"suspend": True, "runPolicy": policy, "image": "other:1"}}
    )
    assert begun.get("collectiveruns", "demo")["spec"]["runPolicy"]["activeDeadlineSeconds"] == 10
