"""TensorBoard itself reads the event files that are made in memory."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from collectiverun_trainer.report.tensorboard import event_files

RECORDS = [
    {"envSteps": 100, "gradientSteps": 50, "task": "reach-v3-sawyer", "values": {"losses/critic": 2.0}},
    {
        "envSteps": 200,
        "gradientSteps": 99,
        "task": "reach-v3-sawyer",
        "values": {"losses/critic": 1.0, "x": None},
    },
    {"envSteps": 200, "gradientSteps": 99, "task": None, "values": {"losses/total": 3.0}},
]


def test_each_task_is_a_run_with_its_metrics(tmp_path: Path) -> None:
    files = event_files("experts", RECORDS)
    for name, content in files.items():
        target = tmp_path / name
        target.parent.mkdir(parents=True)
        target.write_bytes(content)
    own = EventAccumulator(str(tmp_path / "experts" / "reach-v3-sawyer")).Reload()
    assert own.Tags()["scalars"] == ["losses/critic"]
    assert [(event.step, event.value) for event in own.Scalars("losses/critic")] == [(100, 2.0), (200, 1.0)]
    shared = EventAccumulator(str(tmp_path / "experts" / "all")).Reload()
    assert [(event.step, event.value) for event in shared.Scalars("losses/total")] == [(200, 3.0)]


def test_phases_without_env_steps_count_gradient_steps(tmp_path: Path) -> None:
    records = [{"envSteps": 0, "gradientSteps": n, "task": None, "values": {"loss": 1.0}} for n in (10, 20)]
    (tmp_path / "events.out.tfevents.x").write_bytes(event_files("refinement", records).popitem()[1])
    read = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in read.Scalars("loss")] == [10, 20]


def test_equal_metrics_give_equal_bytes() -> None:
    assert event_files("experts", RECORDS) == event_files("experts", RECORDS)


def test_no_metrics_give_no_file() -> None:
    assert event_files("evaluation", []) == {}
