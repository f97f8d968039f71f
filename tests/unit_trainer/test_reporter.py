"""What a phase says while it runs, and what it remembers of it."""

import io
import json
import subprocess
import sys

import torch

from collectiverun_trainer.config import Task
from collectiverun_trainer.order import Success
from collectiverun_trainer.process.reporter import Reporter


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_progress_tells_speed_and_time_left():
    stream, clock = io.StringIO(), Clock()
    reporter = Reporter(stream, clock=clock)
    reporter.progress(100, 1100)
    clock.now += 10
    reporter.progress(600, 1100, Success(any_step=0.5, at_end=0.25), "evaluating")
    first, second = lines(stream)
    assert first["etaSeconds"] is None
    assert second.pop("cpuSeconds") >= first["cpuSeconds"] > 0
    assert second.pop("peakMemoryBytes") >= first["peakMemoryBytes"] > 0
    assert second == {
        "kind": "progress",
        "time": 1010.0,
        "envSteps": 600,
        "totalEnvSteps": 1100,
        "fraction": 600 / 1100,
        "envStepsPerSecond": 50.0,
        "etaSeconds": 10.0,
        "success": {"anyStep": 0.5, "atEnd": 0.25},
        "activity": "evaluating",
    }


def test_progress_tells_the_most_memory_that_was_needed_though_it_is_given_back():
    script = (
        "from collectiverun_trainer.process import memory; before = memory.peak_bytes();"
        " block = b'x' * (1 << 28); del block; print(memory.peak_bytes() - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert 0.9 * (1 << 28) < int(done.stdout) < (1 << 29)  # the kernel counts in batches


def test_progress_comes_once_a_second_but_the_end_always():
    stream, clock = io.StringIO(), Clock()
    reporter = Reporter(stream, clock=clock)
    for step in range(101):
        reporter.progress(step, 100)
        clock.now += 0.03
    assert [line["envSteps"] for line in lines(stream)] == [0, 34, 68, 100]
    assert lines(stream)[-1]["etaSeconds"] == 0.0


def test_a_phase_of_no_steps_is_done():
    stream = io.StringIO()
    Reporter(stream).progress(0, 0)
    assert lines(stream)[0]["fraction"] == 1.0


def test_metrics_are_said_and_kept():
    stream = io.StringIO()
    reporter = Reporter(stream)
    values = {"losses/critic": torch.tensor(0.5), "losses/actor": float("nan"), "losses/alpha": float("inf")}
    reporter.metrics(100, 50, values, Task(env="reach-v3"))
    reporter.metrics(200, 100, {"x": 1})
    expected = [
        {
            "envSteps": 100,
            "gradientSteps": 50,
            "task": "reach-v3-sawyer",
            "values": {"losses/critic": 0.5, "losses/actor": None, "losses/alpha": None},
        },
        {"envSteps": 200, "gradientSteps": 100, "task": None, "values": {"x": 1.0}},
    ]
    assert reporter.records == expected
    assert [json.loads(line) for line in reporter.metrics_lines().splitlines()] == expected
    said = lines(stream)
    assert [line.pop("kind") for line in said] == ["metrics", "metrics"]
    assert all(line.pop("time") for line in said)
    assert said == expected


def test_a_restored_reporter_has_all_records_and_all_time_spent():
    clock = Clock()
    first = Reporter(io.StringIO(), clock=clock)
    first.metrics(1, 1, {"x": 1})
    clock.now += 60
    state = json.loads(json.dumps(first.state_dict()))
    second = Reporter(io.StringIO(), clock=clock)
    second.load_state_dict(state)
    second.metrics(2, 2, {"x": 2})
    clock.now += 5
    assert [record["envSteps"] for record in second.records] == [1, 2]
    assert second.spent_seconds[0] == 65.0
    assert len(state["records"]) == 1


def test_a_reader_that_goes_away_does_not_end_the_work():
    program = """
import sys
from collectiverun_trainer.process.reporter import Reporter
reporter = Reporter()
for step in range(10_000):
    reporter.metrics(step, step, {"x": 1})
print(len(reporter.records), file=sys.stderr)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (0, "10000\n")
