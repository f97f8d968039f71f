"""An expert whose losses are no numbers any more goes alone, with the best it had; others never notice."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from phases.small_run import SmallRun

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import Phase, Task
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.learning.off_policy import OffPolicyLearning
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases import experts, students

REACH, CLOSE = Task(env="reach-v3"), Task(env="drawer-close-v3")
PARAMS: dict[Phase, dict[str, Any]] = {"experts": {"totalEnvSteps": 200}, "students": {"totalEnvSteps": 200}}


def poison(monkeypatch: pytest.MonkeyPatch, task: Task, after_env_steps: int) -> None:
    """The critics of the task's learners are no numbers once its learners have taken so many env steps."""
    run_episode = OffPolicyLearning.run_episode

    def with_fault(learning: OffPolicyLearning) -> dict[str, torch.Tensor]:
        if learning.env_steps == after_env_steps:
            for slot, learner in enumerate(learning.active):
                if learner.task.plain == task:
                    for weight in learning.agent.critics.parameters():
                        weight.data[2 * slot].fill_(float("nan"))
        return run_episode(learning)

    monkeypatch.setattr(OffPolicyLearning, "run_episode", with_fault)


def files(run: SmallRun, result: PhaseResult, task: Task) -> dict[str, bytes]:
    artifact = Artifact.open(run.context("experts").storage, str(result.uri))
    return {name: artifact.read(name) for name in artifact.names if name.startswith(task.name)}


def test_the_others_learn_the_same_bits_and_its_best_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = SmallRun(params=PARAMS)
    expected = files(whole, experts.run(whole.context("experts")), REACH)
    short = SmallRun(tasks=(CLOSE,), params={"experts": {"totalEnvSteps": 80}})
    before = files(short, experts.run(short.context("experts")), CLOSE)

    poison(monkeypatch, CLOSE, after_env_steps=80)
    run = SmallRun(params=PARAMS)
    result = experts.run(run.context("experts"))
    assert files(run, result, REACH) == expected
    published = files(run, result, CLOSE)
    name = f"{CLOSE.name}/policy.safetensors"
    assert published[name] == before[name]
    assert b'"trainedEnvSteps": 100' in published[f"{CLOSE.name}/policy.json"]
    assert result.env_steps == 200 + 100
    assert "Losses grew without bound: drawer-close-v3-sawyer" in result.note
    assert "reach-v3" not in result.note


def test_a_stopped_expert_stays_stopped_after_a_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, CLOSE, after_env_steps=80)
    straight, resumed = SmallRun(params=PARAMS), SmallRun(params=PARAMS)
    expected = experts.run(straight.context("experts"))
    context = resumed.context("experts")
    monkeypatch.setattr(context, "checkpoint_or_stop", _ends_after(context, 120))
    with pytest.raises(KeyboardInterrupt):
        experts.run(context)
    result = experts.run(resumed.context("experts", attempt=2))
    for task in (REACH, CLOSE):
        assert files(resumed, result, task) == files(straight, expected, task)


def _ends_after(context: Any, env_steps: int) -> Any:
    checkpoint = context.checkpoint_or_stop

    def checkpoint_or_end(step: int, every: int | None = None) -> None:
        checkpoint(step, 20)
        if step >= env_steps:
            raise KeyboardInterrupt

    return checkpoint_or_end


def test_one_that_was_never_evaluated_ends_the_phase_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, CLOSE, after_env_steps=40)
    run = SmallRun(params={"experts": PARAMS["experts"] | {"evaluationEveryEnvSteps": 100}})
    with pytest.raises(
        InvalidConfiguration, match=r"Losses of drawer-close-v3-sawyer are no numbers after 60"
    ):
        experts.run(run.context("experts"))


def test_a_student_that_diverges_takes_its_control_along(monkeypatch: pytest.MonkeyPatch) -> None:
    run = SmallRun(tasks=(CLOSE,), params=PARAMS)
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        run.do(phase)
    poison(monkeypatch, CLOSE, after_env_steps=80)
    result = students.run(run.context("students"))
    assert result.env_steps == 2 * 100
    assert "Losses grew without bound: drawer-close-v3-sawyer" in result.note
