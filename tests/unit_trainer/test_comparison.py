"""Finished runs side by side: what is grouped, what is compared, what is left out, and what is said of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from unit_trainer.example_comparison import a_run
from unit_trainer.example_report import TASKS, UNSEEN, outcomes

from collectiverun_trainer.comparison.comparing import compare
from collectiverun_trainer.comparison.curves import aligned
from collectiverun_trainer.comparison.document import Estimate
from collectiverun_trainer.comparison.sentences import with_interval
from collectiverun_trainer.config import Task
from collectiverun_trainer.errors import Usage
from collectiverun_trainer.report.curves import Curve
from collectiverun_trainer.report.summary import task_table

OTHER = Task(env="door-open-v3")
WIDE = {"phases__experts__params__hiddenSizes": [512, 512]}


def grouping(*runs):
    return [[run.label for run in one.runs] for one in compare(runs).configurations]


def changed(run, **fields):
    return dataclasses.replace(run, summary=run.summary.model_copy(update=fields))


def aggregate(comparison, configuration="A", network="collective", notion="any_step"):
    (found,) = (
        one
        for one in comparison.overall
        if (one.configuration, one.network, one.notion) == (configuration, network, notion)
    )
    return found


def test_seeds_of_one_spec_are_one_configuration_wherever_they_ran():
    elsewhere = {"storage__uri": "s3://bucket", "phases__experts__parallelism": 4, "suspend": True}
    runs = [a_run("a", 1), a_run("b", 2, **elsewhere), a_run("wide", 1, **WIDE), a_run("c", 3)]
    assert grouping(*runs) == [["a", "b", "c"], ["wide"]]


def test_an_own_arm_is_told_by_its_model_and_not_by_where_it_lay():
    def with_arm(name, path, digest):
        run = a_run(name, robotModels=[{"name": "my-arm", "path": path}])
        return changed(run, environment=run.summary.environment.model_copy(update={"robot_models": digest}))

    one, other = {"my-arm": "a" * 64}, {"my-arm": "b" * 64}
    runs = [with_arm("a", "/here", one), with_arm("b", "/there", one), with_arm("c", "/here", other)]
    assert grouping(*runs) == [["a", "b"], ["c"]]
    (difference,) = [each for each in compare(runs).differences if each.makes_configurations]
    assert difference.field == "spec.robotModels.my-arm"


def test_a_setting_that_an_older_version_did_not_know_was_at_its_default():
    old, new = a_run("old", 1), a_run("new", 2, environment__control="hand")
    joint = a_run("joint", 3, environment__control="joint")
    assert "control" not in old.spec["environment"]
    assert grouping(old, new, joint) == [["old", "new"], ["joint"]]
    (difference,) = [each for each in compare([old, new, joint]).differences if each.makes_configurations]
    assert (difference.field, difference.values) == (
        "spec.environment.control",
        {"A": ("hand",), "B": ("joint",)},
    )


@pytest.mark.parametrize(("step", "configurations"), [(1, [["old", "new"]]), (3, [["old"], ["new"]])])
def test_so_was_a_parameter(step, configurations):
    old, new = a_run("old", 1), a_run("new", 2, phases__experts__params__nStep=step)
    assert "nStep" not in old.spec["phases"]["experts"]["params"]
    assert grouping(old, new) == configurations


def test_runs_with_the_same_reused_work_are_one_configuration_but_not_independent():
    first, second = ({"phases__experts__from": f"file:///runs/{name}"} for name in ("one", "two"))
    runs = [a_run("a", 1, **first), a_run("b", 2, **first), a_run("c", 3, **second), a_run("d", 4)]
    assert grouping(*runs) == [["a", "b", "c", "d"]]
    told = [note for note in compare(runs).notes if "independent" in note]
    assert told == [
        "a and b of configuration A have what file:///runs/one has published of phase experts: they are no"
        " independent samples."
    ]


def test_smoke_runs_and_other_tasks_are_other_configurations():
    runs = [a_run("a"), changed(a_run("smoke", 2), smoke=True), a_run("b", 3, tasks=(*TASKS[:2], OTHER))]
    assert grouping(*runs) == [["a"], ["smoke"], ["b"]]


def test_what_differs_is_told_with_every_value_but_the_seed():
    runs = [a_run("a", 1), a_run("b", 2, storage__uri="s3://bucket"), a_run("c", 1, **WIDE, image="x")]
    sizes, storage, image = compare(runs).differences
    assert sizes.field == "spec.phases.experts.params.hiddenSizes"
    assert (sizes.makes_configurations, sizes.values) == (True, {"A": ([256, 256],), "B": ([512, 512],)})
    assert storage.values == {"A": ("file:///storage", "s3://bucket"), "B": ("file:///storage",)}
    assert (image.makes_configurations, image.values) == (False, {"A": (None,), "B": ("x",)})


def test_aggregates_are_over_runs_and_tasks():
    comparison = compare([a_run("a", 1, (40, 30, 20)), a_run("b", 2, (50, 40, 30)), a_run("c", 1, **WIDE)])
    found = aggregate(comparison)
    assert (found.runs, found.tasks) == (2, 3)
    assert found.mean.value == pytest.approx((0.8 + 0.6 + 0.4 + 1.0 + 0.8 + 0.6) / 6)
    assert found.iqm.value == pytest.approx((0.6 + 0.6 + 0.8 + 0.8) / 4)
    assert found.mean.low < found.mean.value < found.mean.high
    assert aggregate(comparison, notion="at_end").mean.value == pytest.approx(0.7 - 0.1)
    assert aggregate(comparison, "B").mean.low is None


def test_the_first_configuration_is_what_others_improve_on():
    comparison = compare([a_run("a", 1, (40, 30, 20)), a_run("c", 1, (41, 30, 10), **WIDE)])
    (found,) = (
        one for one in comparison.improvement if (one.network, one.notion) == ("collective", "any_step")
    )
    assert (found.configuration, found.over) == ("B", "A")
    assert found.probability.value == pytest.approx((1 + 0.5 + 0) / 3)


def test_one_configuration_improves_on_nothing():
    comparison = compare([a_run("a", 1), a_run("b", 2)])
    assert comparison.improvement == ()
    words = "The collective succeeds at any step in 60\u00a0% (60–60) of episodes, over 2 runs."
    assert comparison.headline == words


def test_bounds_are_rounded_so_that_the_figure_lies_within():
    assert with_interval(Estimate(value=0.945, low=0.942, high=0.9451)) == "94.5\u00a0% (94–95)"
    assert with_interval(Estimate(value=0.29, low=0.29, high=0.58)) == "29\u00a0% (29–58)"
    assert with_interval(Estimate(value=0.5)) == "50\u00a0%"


def test_what_only_some_have_is_left_out_and_told():
    comparison = compare([a_run("a", 1, (40, 30, 20)), a_run("b", 1, (10, 20, 30), (*TASKS[:2], OTHER))])
    assert aggregate(comparison).tasks == 2
    assert aggregate(comparison, "B").mean.value == pytest.approx(0.3)
    assert comparison.left_out == tuple(
        f"Left out of the aggregates: {task}-sawyer of experts and collective, which only {run} has."
        for task, run in (("handle-press-side-v3", "a"), ("door-open-v3", "b"))
    )
    assert {curve.task for curve in comparison.curves} == {None, *(task.name for task in TASKS[:2])}


def test_runs_that_share_no_task_are_refused():
    with pytest.raises(Usage, match=r"^the runs a, b share no task, so nothing is comparable$"):
        compare([a_run("a", tasks=TASKS[:1], collective=[1]), a_run("b", tasks=[OTHER], collective=[1])])


def test_the_collective_on_unseen_tasks_is_compared_apart():
    holdout = task_table({"collective": {UNSEEN: outcomes(UNSEEN, 25, 5)}}, [UNSEEN], {})
    comparison = compare([changed(a_run("a", 1), holdout=holdout), changed(a_run("b", 2), holdout=holdout)])
    assert aggregate(comparison, network="unseen").mean.value == pytest.approx(0.5)
    assert aggregate(comparison).tasks == 3


def test_what_to_know_before_the_numbers_are_trusted():
    base = a_run("a", 1)
    shorter = base.summary.environment.model_copy(update={"horizon_env_steps": 100})
    runs = [
        base,
        a_run("b", 1),
        changed(a_run("c", 5, **WIDE), environment=shorter, versions={"torch": "2.6"}),
    ]
    told = "\n".join(compare(runs).notes)
    assert "There is one run of B: what sets it apart may be chance." in told
    assert "fewer than 5 runs of A" in told
    assert "a and b are 2 runs of configuration A with the same seed 1" in told
    assert "environment.horizonEnvSteps is not the same" in told
    assert "different versions of torch: 2.13.0, 2.6." in told
    assert compare([a_run(str(seed), seed) for seed in range(5)]).notes == ()


def test_smoke_runs_are_said_to_mean_nothing():
    comparison = compare([changed(a_run("a", 1), smoke=True), changed(a_run("b", 2), smoke=True)])
    assert comparison.headline.startswith("A smoke run: ")


def test_curves_meet_at_common_env_steps():
    def curve(steps, success):
        return Curve("experts", "reach-v3-sawyer", steps, success, success)

    # The second began later and stopped early, where it had reached its aim.
    grid, success = aligned([curve((100, 300, 500), (0.0, 0.4, 0.8)), curve((200, 300), (0.5, 1.0))])
    assert grid == (200, 300, 500)
    assert np.allclose(success, [[0.2, 0.4, 0.8], [0.5, 1.0, 1.0]])


def test_a_curve_is_the_mean_over_runs_with_an_interval():
    runs = [a_run("a", 1), a_run("b", 2, later=1000), a_run("c", 1, **WIDE)]
    curves = {(c.series, c.task, c.configuration): c for c in compare(runs).curves}
    own, other = (curves["collective", TASKS[0].name, name] for name in "AB")
    alone, late = (
        next(c for c in run.curves if (c.series, c.task) == ("collective", TASKS[0].name)) for run in runs[:2]
    )
    steps = own.env_steps.index(6000)
    expected = (alone.any_step[2] + np.interp(6000, late.env_steps, late.any_step)) / 2
    assert own.mean[steps] == pytest.approx(expected)
    assert own.low[steps] < own.mean[steps] < own.high[steps]
    assert (other.mean, other.low) == (alone.any_step, None)
