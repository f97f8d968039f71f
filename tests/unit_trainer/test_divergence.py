"""Losses without bound are told, by task; losses that rewards explain are not."""

import json

import pytest
from unit_trainer.storage_places import new_order, place

from collectiverun_trainer.config import Task
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.phases.preparation import prepare
from collectiverun_trainer.process.divergence import loss_limit
from collectiverun_trainer.process.reporter import METRICS_NAME, Reporter

REACH, PUSH = Task(env="reach-v3"), Task(env="push-v3")


class NeverStopped:
    requested = False


@pytest.fixture
def context(tmp_path) -> PhaseContext:
    return prepare(new_order(place("file", tmp_path)), Reporter(), NeverStopped())


def note(context: PhaseContext, note: str = "") -> str:
    return context.publish(context.writer(), None, 0, note).note


@pytest.mark.parametrize("name", ["losses/critic", "student/losses/actor"])
@pytest.mark.parametrize(("value", "told"), [(-1e13, "up to 1e+13"), (float("nan"), "not a number")])
def test_a_loss_without_bound_is_told_by_its_task(context: PhaseContext, name, value, told):
    context.reporter.metrics(0, 0, {name: 3.0}, PUSH)
    context.reporter.metrics(0, 0, {name: value}, REACH)
    context.reporter.metrics(0, 0, {name: 1.0}, REACH)  # it may have come back: the policy is of that time
    said = note(context)
    assert f"Losses grew without bound: reach-v3-sawyer ({name} {told})" in said
    assert "push-v3" not in said


def test_it_stands_behind_what_the_phase_itself_notes(context: PhaseContext):
    context.reporter.metrics(0, 0, {"losses/critic": 1e13}, REACH)
    assert note(context, "Refinement did not help.").startswith("Refinement did not help. Losses grew")


def test_it_is_told_again_from_what_was_published(context: PhaseContext):
    context.reporter.metrics(0, 0, {"losses/critic": 1e13}, REACH)
    writer = context.writer()
    context.publish(writer, None, 0)
    stored = context.storage.read(f"{writer.uri}/manifest.json")
    assert "Losses grew without bound" in json.loads(stored)["result"]["note"]
    assert context.storage.read(f"{writer.uri}/{METRICS_NAME}")


@pytest.mark.parametrize(
    "values", [{"losses/critic": 1e6}, {"episode/return": 1e13}, {"losses/actor": -900.0}]
)
def test_what_rewards_explain_is_not_told(context: PhaseContext, values):
    context.reporter.metrics(0, 0, values, REACH)
    assert note(context) == ""


def test_a_larger_reward_may_have_larger_losses():
    usual = loss_limit({})
    assert loss_limit({"rewardScale": 10.0}) == pytest.approx(100 * usual)
    assert loss_limit({"discount": 0.9}) < usual < 1e8


def test_many_tasks_are_counted(context: PhaseContext):
    for index in range(5):
        context.reporter.metrics(0, 0, {"losses/critic": 1e13}, f"task-{index}")
    assert "task-2 (losses/critic up to 1e+13) and 2 more" in note(context)
