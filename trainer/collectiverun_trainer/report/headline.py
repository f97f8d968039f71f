"""The run in a few honest sentences. Every word follows from a number of the summary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from collectiverun_trainer.report.summary import Rate, Score, StudentGain, Summary

SMOKE = (
    "A smoke run: it shows that every phase works. Its budgets were lowered to seconds, which is too little"
    " to learn anything, so success and failure in it mean nothing."
)
# Smaller differences of mean success count as none: with one seed they may be chance.
NOTICEABLE = 0.05


def headline(summary: Summary) -> str:
    """The one sentence: how much of the experts' success the collective keeps without a task id.

    Of a smoke run it is that it is one.
    """
    if summary.smoke:
        return SMOKE
    teachers = "scripted policies" if is_scripted(summary) else "experts"
    experts, collective = summary.overall["experts"].any_step, summary.overall["collective"].any_step
    kept, tasks = summary.retention.any_step, len(summary.tasks)
    if kept is None:
        return (
            f"The {teachers} never succeed on these {tasks} tasks; "
            f"the collective does in {percent(collective.value)} of {collective.episodes} episodes."
        )
    return (
        f"One network without any task id keeps {percent(kept)} of what its {tasks} {teachers} can do: "
        f"it succeeds in {percent(collective.value)} of {collective.episodes} episodes, "
        f"they in {percent(experts.value)}."
    )


def findings(summary: Summary) -> tuple[str, ...]:
    """What else the run shows: whether students benefit, whether the collective needs the task embedding.

    A smoke run shows nothing else.
    """
    if summary.smoke:
        return ()
    overall = summary.overall
    sentences = [students_sentence(summary.students)] if summary.students else []
    if "zero" in overall:
        sentences.append(ablation_sentence(overall["collective"], overall["zero"], overall.get("shuffled")))
    return tuple(sentences)


def students_sentence(students: Sequence[StudentGain]) -> str:
    """Whether students learn faster with the collective than their controls without."""
    student, control = (
        fmean(one.student_mean for one in students),
        fmean(one.control_mean for one in students),
    )
    verdict = _verdict(student - control)
    how = "started from the collective" if students[0].mode == "finetune" else "shaped by the collective"
    who = f"A student {how} learns" if len(students) == 1 else f"Students {how} learn"
    numbers = f"mean success while learning {percent(student)} against {percent(control)}, one seed"
    return f"{who} {verdict} without it ({numbers})."


def _verdict(gain: float) -> str:
    if abs(gain) < NOTICEABLE:
        return "no faster than"
    return "faster than" if gain > 0 else "more slowly than"


def ablation_sentence(true: Score, zero: Score, shuffled: Score | None) -> str:
    """What removing the task embedding costs in any-step success."""
    base, without = true.any_step, [("zeros", zero.any_step)]
    if shuffled is not None:
        without.append(("the embedding of another task", shuffled.any_step))
    parts = [f"{percent(base.value)} with the true embedding"]
    parts += [f"{percent(rate.value)} with {what}" for what, rate in without]
    numbers = f"Any-step success is {', '.join(parts[:-1])} and {parts[-1]}."
    if all(base.value - rate.value < NOTICEABLE for _, rate in without):
        return (
            f"{numbers} The network hardly needs it here: these tasks can be told apart from the state alone."
        )
    if not any(_apart(base, rate) for _, rate in without):
        return f"{numbers} The intervals overlap, so this run does not show that the network needs it."
    return f"{numbers} The network uses it."


def _apart(one: Rate, other: Rate) -> bool:
    return one.low > other.high or other.low > one.high


def is_scripted(summary: Summary) -> bool:
    """Whether every expert of the run was a scripted policy."""
    return all(row.expert_source == "scripted" for row in summary.tasks)


def percent(share: float) -> str:
    """`0.957` → `95.7 %`, with a space that does not break; whole numbers without a decimal."""
    return f"{100 * share:.1f}".removesuffix(".0") + "\u00a0%"


def bounds(low: float, high: float) -> str:
    """`90–97`: an interval of shares, in per cent, rounded outwards so that its figure lies within."""
    first, last = (round(100 * share, 6) for share in (low, high))  # 0.29 is 28.999… % as a double
    return f"{math.floor(first)}–{math.ceil(last)}"
