"""Rates, retention, gains and the sentences that follow from them."""

from __future__ import annotations

import json

import pytest
from unit_trainer.example_report import TASKS, example_outcomes, example_summary, outcomes

from collectiverun_trainer.report.curves import Curve, curves
from collectiverun_trainer.report.headline import (
    ablation_sentence,
    bounds,
    findings,
    headline,
    percent,
    students_sentence,
)
from collectiverun_trainer.report.reading import joined_notes
from collectiverun_trainer.report.summary import (
    Rate,
    Score,
    Summary,
    pooled,
    retention,
    student_gain,
    task_table,
)


def test_a_rate_lies_within_the_bounds_that_are_shown():
    many = Rate.count(2495, 2500)
    assert (percent(many.value), bounds(many.low, many.high)) == ("99.8\u00a0%", "99–100")
    assert bounds(0.29, 0.58) == "29–58"


def curve(series: str, *any_step: float) -> Curve:
    env_steps = tuple(1000 * (i + 1) for i in range(len(any_step)))
    return Curve(series, "reach-v3-sawyer", env_steps, any_step, any_step)


def score(any_step: int, episodes: int = 50) -> Score:
    return Score(any_step=Rate.count(any_step, episodes), at_end=Rate.count(any_step // 2, episodes))


def test_a_rate_has_wilsons_interval() -> None:
    rate = Rate.count(45, 50)
    assert rate.value == 0.9
    assert (round(rate.low, 4), round(rate.high, 4)) == (0.7864, 0.9565)  # Wilson 1927, by hand


def test_pooling_counts_episodes_of_all_tasks() -> None:
    overall = pooled(
        {"experts": {TASKS[0]: outcomes(TASKS[0], 50, 40), TASKS[1]: outcomes(TASKS[1], 25, 10)}}, TASKS
    )
    assert (overall["experts"].any_step.successes, overall["experts"].any_step.episodes) == (75, 100)
    assert overall["experts"].success.at_end == 0.5


def test_networks_are_pooled_over_the_tasks_asked_for_only() -> None:
    assert "students" not in pooled(example_outcomes(), TASKS[1:])


def test_the_table_has_the_networks_that_played_a_task() -> None:
    rows = task_table(example_outcomes(), TASKS, {TASKS[2]: "scripted"})
    assert [row.task for row in rows] == list(TASKS)
    assert "students" in rows[0].scores
    assert "students" not in rows[1].scores
    assert [row.expert_source for row in rows] == ["sac", "sac", "scripted"]


def test_retention_is_collective_by_experts() -> None:
    kept = retention({"experts": score(50), "collective": score(40)})
    assert kept.any_step == 0.8
    assert retention({"experts": score(0), "collective": score(0)}).any_step is None


def test_the_summary_survives_json() -> None:
    summary = example_summary()
    document = json.loads(summary.model_dump_json(by_alias=True))
    assert Summary.model_validate(document) == summary
    assert document["success"]["experts"] == {"anyStep": 0.94, "atEnd": 0.86}


def test_curves_are_made_of_records_with_both_rates() -> None:
    def record(env_steps: int, task: str, **values: float) -> dict[str, object]:
        return {"envSteps": env_steps, "gradientSteps": 0, "task": task, "values": values}

    both = {"evaluation/success_any_step": 0.5, "evaluation/success_at_end": 0.25}
    records = [
        record(20, "a", **both),
        record(10, "a", **both),
        record(5, "a", loss=1.0),
        record(10, "b", **both),
    ]
    found = curves(records, "experts")
    assert [(c.task, c.env_steps) for c in found] == [("a", (10, 20)), ("b", (10,))]
    assert found[0].at_end == (0.25, 0.25)


def test_a_gain_compares_when_and_how_much() -> None:
    gain = student_gain(
        TASKS[0], "shaping", curve("students", 0.2, 0.9, 0.6), curve("controls", 0.0, 0.2, 0.7)
    )
    assert (gain.student_env_steps, gain.control_env_steps) == (2000, None)
    assert gain.student_mean == pytest.approx(17 / 30)


@pytest.mark.parametrize(
    ("student", "control", "verdict"),
    [(0.9, 0.4, "faster than"), (0.5, 0.52, "no faster than"), (0.2, 0.6, "more slowly than")],
)
def test_students_are_called_faster_only_if_they_are(student: float, control: float, verdict: str) -> None:
    gain = student_gain(TASKS[0], "shaping", curve("students", student), curve("controls", control))
    assert f"learns {verdict} without it" in students_sentence([gain])


@pytest.mark.parametrize(
    ("zero", "shuffled", "verdict"),
    [(140, 143, "hardly needs it"), (130, 143, "does not show"), (80, 40, "uses it")],
)
def test_the_ablation_is_read_as_measured(zero: int, shuffled: int, verdict: str) -> None:
    assert verdict in ablation_sentence(score(142, 150), score(zero, 150), score(shuffled, 150))


def test_one_task_has_no_shuffled_embedding() -> None:
    assert ablation_sentence(score(50), score(10), None).startswith("Any-step success is 100")


def test_the_headline_gives_both_rates_and_their_ratio() -> None:
    summary = example_summary()
    sentence = headline(summary).replace("\u00a0", " ")
    assert "keeps 95.7 % of what its 3 experts can do" in sentence
    assert "90 % of 150 episodes, they in 94 %" in sentence
    assert len(findings(summary)) == 2


def test_the_headline_admits_experts_that_never_succeed() -> None:
    summary = example_summary()
    never = {"experts": score(0), "collective": score(0)}
    failed = summary.model_copy(update={"overall": never, "retention": retention(never)})
    assert "never succeed" in headline(failed)


def test_the_headline_calls_scripted_policies_by_name() -> None:
    summary = example_summary()
    rows = tuple(row.model_copy(update={"expert_source": "scripted"}) for row in summary.tasks)
    assert "3 scripted policies" in headline(summary.model_copy(update={"tasks": rows}))


def test_percentages_are_short() -> None:
    assert [percent(share) for share in (1.0, 0.957, 0.5)] == ["100\u00a0%", "95.7\u00a0%", "50\u00a0%"]


def test_notes_of_members_that_name_a_task_each_are_one():
    reused, help_ = (
        "Experts reused from s3://b/runs/default/a-0123",
        "Refinement did not help: it is passed on.",
    )
    notes = [f"{reused}: reach-v3-sawyer.", help_, f"{reused}: push-v3-sawyer, door-open-v3-my-arm.", help_]
    assert joined_notes(notes) == [f"{reused}: reach-v3-sawyer, push-v3-sawyer, door-open-v3-my-arm.", help_]
    assert joined_notes([f"{reused}: reach-v3-sawyer; trained: push-v3-sawyer."]) == [
        f"{reused}: reach-v3-sawyer; trained: push-v3-sawyer."
    ]
