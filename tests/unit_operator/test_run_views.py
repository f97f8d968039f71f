"""What a person sees: plain lines, the live table, the closing tables, the JSON document."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from collectiverun_operator.api.outcome import Progress, Success
from collectiverun_operator.api.status import LastFailure
from collectiverun_operator.api.status_json import read_status
from collectiverun_operator.cli.plain_lines import PlainLines
from collectiverun_operator.cli.report import outcome_document, outcome_parts, what_next
from collectiverun_operator.cli.snapshot import Snapshot, duration_text, failure_sentence
from collectiverun_operator.cli.terminal import LiveTable, run_table
from collectiverun_operator.cluster.local.journal import PhaseTime
from collectiverun_operator.formatting import percent, time_left

REACH, CLOSE = "reach-v3-sawyer", "door-close-v3-sawyer"
FAILURE = {
    "phase": "experts",
    "member": CLOSE,
    "attempt": 2,
    "kind": "application",
    "reason": "Error",
    "exitCode": 7,
    "message": "Traceback…\nValueError: no",
    "time": "2026-01-01T00:00:00Z",
}


def status(state="Running", reach="Succeeded", close="Running", **fields):
    return {
        "state": state,
        "specHash": "0123456789abcdef",
        "startTime": "2026-01-01T00:00:00Z",
        "resolved": {"storageRoot": "file:///runs/default/a-1"},
        "success": {"experts": {"anyStep": 0.98, "atEnd": 0.9}},
        "phases": [
            {
                "name": "experts",
                "state": "Running",
                "envSteps": 12_000,
                "success": {"anyStep": 0.98, "atEnd": 0.9},
                "etaSeconds": 75,
                "members": [
                    {"name": REACH, "state": reach, "attempt": 1, "success": {"anyStep": 0.98, "atEnd": 0.9}},
                    {"name": CLOSE, "state": close, "attempt": 2},
                ],
            },
            {"name": "refinement", "state": "Skipped", "members": []},
            {
                "name": "evaluation",
                "state": "Waiting",
                "members": [{"name": "all", "state": "Waiting", "attempt": 0}],
            },
        ],
        **fields,
    }


PROGRESS = {
    ("experts", CLOSE): Progress(
        fraction=0.25,
        env_steps=3000,
        total_env_steps=12_000,
        env_steps_per_second=350.4,
        eta_seconds=61.0,
        activity="training",
        success=Success(0.5, 0.25),
    )
}


def snapshot(document, progress=PROGRESS):
    return Snapshot(
        read_status(document), lambda phase, member, n: Path(f"/logs/{phase}/{member}/{n}.log"), progress
    )


def a_failure(**fields):
    failure = {"phase": "experts", "reason": "Error", "time": "2026-01-01T00:00:00Z"} | fields
    return LastFailure.model_validate(failure)


def drawn(renderable, width=100):
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()


def plain(*documents, **options):
    stream = io.StringIO()
    with PlainLines(stream, **options) as lines:
        for document in documents:
            lines.show(snapshot(document))
    return [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]


def plain_progress(progress):
    stream = io.StringIO()
    with PlainLines(stream) as lines:
        lines.show(snapshot(status(), progress))
    return [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]


def test_a_plain_line_is_written_for_each_change_and_once():
    assert plain(status(), status(), status(close="Succeeded"), progress_every_seconds=1e9) == [
        f"experts/{REACH}: Succeeded, success 98 % any step, 90 % at end",
        f"experts/{CLOSE}: Running (attempt 2)",
        "experts: Running",
        "refinement: Skipped",
        f"experts/{CLOSE}: 25 %, training, 3,000 of 12,000, 350/s, "
        "success 50 % any step, 25 % at end, 1:01 left",
        f"experts/{CLOSE}: Succeeded (attempt 2)",
    ]


FULL = "Storage failed at file:///runs: No space left on device; it is tried again for up to 300 s."
WAITS = {("experts", CLOSE): Progress(fraction=0.25, env_steps=3000, total_env_steps=12_000, retrying=FULL)}


def test_what_a_member_waits_for_is_said_at_once_and_with_its_progress():
    stream = io.StringIO()
    with PlainLines(stream) as lines:
        for progress in (PROGRESS, WAITS, WAITS):
            lines.show(snapshot(status(), progress))
    told = [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]
    assert told[-1] == f"experts/{CLOSE}: waits: {FULL}"
    assert stream.getvalue().count(FULL) == 1
    assert plain_progress(WAITS)[-1] == f"experts/{CLOSE}: 25 %, 3,000 of 12,000, waits: {FULL}"
    assert plain_progress({("experts", CLOSE): Progress(retrying=FULL)})[-1].endswith(f": waits: {FULL}")
    text = drawn(run_table(snapshot(status(), WAITS), "default/a"), width=200)
    assert f"experts/{CLOSE} waits: {FULL}" in text


def test_a_failure_is_told_with_its_log_and_when_it_is_tried_again():
    waiting = status(close="Waiting", lastFailure=FAILURE)
    waiting["phases"][0]["members"][1]["nextAttemptTime"] = "2026-01-01T00:00:10Z"
    told = plain(waiting, waiting)
    sentence = f"experts/{CLOSE}, attempt 2: Error (exit code 7): ValueError: no"
    assert (
        told.count(f"{sentence}; tried again at 2026-01-01T00:00:10Z; log: /logs/experts/{CLOSE}/2.log") == 1
    )


def test_the_table_shows_phases_members_bars_rates_and_the_time_left():
    text = drawn(run_table(snapshot(status()), "default/a"))
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "Running" in rows["default/a"]
    assert all(part in rows["experts"] for part in ("12,000", "350", "98/90 %", "1:15"))
    assert all(part in rows[CLOSE] for part in ("Running #2", "3,000", "350", "50/25 %", "1:01"))
    assert "100 %" not in rows[REACH]
    assert "Skipped" in rows["refinement"]
    assert "all" not in rows


def test_the_table_fits_a_small_terminal():
    text = drawn(run_table(snapshot(status()), "default/a"), width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "1:01" in text


def test_of_many_members_those_that_failed_or_run_are_shown():
    document = status()
    document["phases"][0]["members"] = [
        {"name": f"m{i}", "state": "Failed" if i == 40 else "Running" if i > 38 else "Succeeded"}
        for i in range(64)
    ]
    document["phases"][0]["members"][0]["state"] = "Waiting"
    text = drawn(run_table(snapshot(document, {}), "default/a"))
    assert "m40" in text
    assert "and 48 more" in text


def test_the_live_table_tells_a_failure_above_itself():
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with LiveTable(console, "default/a") as table:
        table.show(snapshot(status(lastFailure=FAILURE)))
        table.show(snapshot(status(lastFailure=FAILURE)))
    assert console.file.getvalue().count("ValueError: no") == 1


def test_a_failed_run_says_what_failed_where_its_log_is_and_what_to_do():
    failed = snapshot(status(state="Failed", lastFailure=FAILURE))
    text = "".join(drawn(part, width=300) for part in outcome_parts(failed, {}, Path("/cache/u")))
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in text.splitlines() if line.strip()}
    assert rows["failed"] == f"experts/{CLOSE}, attempt 2: Error (exit code 7): ValueError: no"
    assert rows["log"] == f"/logs/experts/{CLOSE}/2.log"
    assert "spec.retryToken" in rows["next"]
    assert rows["state"] == "dir  /cache/u"
    assert rows["artifacts"] == "/runs/default/a-1"


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ({"kind": "deadline"}, "raise the deadline in spec.runPolicy"),
        ({"kind": "fatal", "exitCode": 3}, "give the run a new name"),
        ({"kind": "fatal", "exitCode": 3, "reason": "StorageRefused"}, "storage be used as the message says"),
        ({"kind": "fatal", "exitCode": 4}, "restore the artifact"),
        ({"kind": "application", "reason": "OOMKilled"}, "spec.phases.experts.resources.limits.memory"),
        ({"kind": "infrastructure", "exitCode": 5}, "storage"),
        ({"kind": "application", "exitCode": 1}, "read the log"),
    ],
)
def test_every_kind_of_failure_has_a_next_step(failure, words):
    assert words in what_next(a_failure(**failure))


def test_a_failure_of_no_member_names_the_phase_alone():
    sentence = failure_sentence(a_failure(kind="deadline", reason="ActiveDeadline", message="too long"))
    assert sentence == "experts: ActiveDeadline: too long"


def test_notes_are_told_once_for_the_seeds_that_share_them():
    notes = {"seed-1": "It did not help.", "seed-2": "", "seed-30": "It did not help.", "all": "Alone."}
    members = [{"name": name, "state": "Succeeded", "note": note} for name, note in notes.items()]
    phases = [
        {"name": "refinement", "state": "Succeeded", "members": members[:3]},
        {"name": "evaluation", "state": "Succeeded", "members": members[1:3]},
        {"name": "comparison", "state": "Succeeded", "members": members[3:]},
    ]
    complete = snapshot(status(state="Complete", phases=phases))
    text = "".join(drawn(part, width=300) for part in outcome_parts(complete, {}, Path("/cache/u")))
    assert [line for line in text.splitlines() if line.rstrip().endswith(".")] == [
        "refinement, seeds 1, 30: It did not help.",
        "evaluation, seed 30: It did not help.",
        "comparison: Alone.",
    ]


def test_the_document_has_times_members_and_the_report():
    report = "file:///runs/default/a-1/evaluation/all/attempt-1/ab/report.html"
    document = status(state="Complete", report=report)
    outcome = outcome_document(read_status(document), {"experts": PhaseTime(12.34, 20.06)})
    assert outcome["state"] == "Complete"
    assert outcome["root"] == "file:///runs/default/a-1"
    assert outcome["success"] == {"experts": {"anyStep": 0.98, "atEnd": 0.9}}
    assert outcome["report"] == report
    experts = outcome["phases"][0]
    assert (experts["wallSeconds"], experts["cpuSeconds"], experts["envSteps"]) == (12.3, 20.1, 12_000)
    assert [member["name"] for member in experts["members"]] == [REACH, CLOSE]
    assert outcome["phases"][1]["wallSeconds"] == 0.0


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0 %"), (0.333, "33 %"), (0.999, "99 %"), (1.0, "100 %"), (0.29, "29 %")]
)
def test_a_rate_is_never_rounded_up_to_all(rate, text):
    assert percent(rate) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "<1m"),
        (59, "<1m"),
        (89, "1m"),
        (720, "12m"),
        (3599, "1h"),
        (3900, "1h5m"),
        (86_400, "1d"),
        (93_700, "1d2h"),
    ],
)
def test_time_left_is_said_in_two_units_at_most(seconds, text):
    assert time_left(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (0, "0:00"), (61.4, "1:01"), (3661, "1:01:01")])
def test_durations(seconds, text):
    assert duration_text(seconds) == text
