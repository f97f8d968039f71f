"""The model card says what the evaluation measured and how, and nothing of the machine it was made on."""

from __future__ import annotations

import yaml
from unit_trainer.example_report import example_summary

from collectiverun_trainer.export.hub.card import FilmTold, card, metadata
from collectiverun_trainer.export.hub.run_file import run_file

FILM = FilmTold("replay.mp4", "reach-v3-sawyer", 0, "success at the end")


def parts(text: str) -> tuple[dict, str]:
    """Front matter and text."""
    before, front, body = text.split("---\n", 2)
    assert before == ""
    return yaml.safe_load(front), body


def test_hubs_find_the_metrics_of_every_task() -> None:
    summary = example_summary()
    front, _ = parts(card(summary, None))
    assert front == metadata(summary)
    assert front["library_name"] == "collectiverun"
    assert {"meta-world", "sawyer", "reach-v3"} <= set(front["tags"])
    (model,) = front["model-index"]
    found = {
        (result["dataset"]["name"], metric["type"]): metric["value"]
        for result in model["results"]
        for metric in result["metrics"]
    }
    assert len(found) == 2 * (1 + len(summary.tasks) + len(summary.holdout))
    assert found["all 3 tasks", "success_rate_any_step"] == summary.overall["collective"].any_step.value
    row = summary.tasks[1]
    assert found[row.task.name, "success_rate_at_end"] == row.scores["collective"].at_end.value
    assert found["door-close-v3-sawyer, unseen in training", "success_rate_any_step"] == 12 / 50


def test_it_tells_how_it_was_measured() -> None:
    _, body = parts(card(example_summary(), FILM))
    for words in (
        "50 goals of each task, those that its MT1 benchmark draws for seed 0, each played once",
        "Episodes of 200 env steps (horizon), each action held for 2",
        "Deterministic: the action is the mean",
        "Training drew its episodes from the same goals",
        "chosen by other goals, those of seed 1.",
        "One training run, seed 1",
        "- Refinement did not help",
        "`replay.mp4`: reach-v3-sawyer, goal 0, success at the end.",
    ):
        assert words in body
    assert "| reach-v3-sawyer | 98 % (89–100) | 92 % (81–97) | 94 % (83–98) | 86 % (73–94) |" in body.replace(
        "\u00a0", " "
    )
    assert "replay.mp4" not in card(example_summary(), None)


def test_a_smoke_run_has_no_metrics() -> None:
    smoke = example_summary().model_copy(update={"smoke": True, "headline": "A smoke run: …"})
    assert "model-index" not in metadata(smoke)


def test_nothing_of_the_machine_is_told() -> None:
    address = "file:///home/alice/runs/default/quickstart-0b5f1a2c"
    summary = example_summary()
    spec = summary.spec | {
        "storage": {"uri": "file:///home/alice/runs", "endpoint": "http://alice:9000"},
        "image": "registry.alice.example/trainer",
        "phases": {
            "experts": {"from": address, "podTemplate": {"x": "alice"}, "params": {"batchSize": 16}},
            "students": {"enabled": False},
        },
    }
    notes = (
        f"Experts reused from {address}: reach-v3-sawyer.",
        "Reused from /home/alice/x/y: nothing was trained.",
    )
    summary = summary.model_copy(update={"spec": spec, "notes": notes})
    text = card(summary, FILM)
    assert "- Experts reused from an earlier run: reach-v3-sawyer.\n" in text
    assert "- Reused from an earlier run: nothing was trained.\n" in text
    assert "Work of an earlier run was reused (experts)" in text
    file = run_file(summary)
    assert "alice" not in text + file
    phases = yaml.safe_load(file)["spec"]["phases"]
    assert phases == {"experts": {"params": {"batchSize": 16}}, "students": {"enabled": False}}
