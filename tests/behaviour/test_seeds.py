"""Two seeds of the real trainer on S3, on a real API server: a member a seed, one report over both."""

import pytest
from support.run_bodies import learning_run_body

pytestmark = pytest.mark.timeout(2400)

RUN_SECONDS = 1800.0  # real work, on a machine that may be busy with much else


def test_two_seeds_are_one_batch_of_experts_then_a_member_each_and_one_report(namespace):
    body = learning_run_body("seeds", namespace.storage)
    body["spec"]["seeds"] = [4, 2]
    run = namespace.apply_run(body)
    run.wait(lambda status: status.get("state") in ("Complete", "Failed"), "finished", RUN_SECONDS)
    assert run.condition("Complete") == ("True", "AllPhasesSucceeded")
    members = {phase["name"]: [one["name"] for one in phase["members"]] for phase in run.status["phases"]}
    experts = members.pop("experts")
    assert len(experts) == 1
    assert members == {
        "trajectoryTransformer": ["seed-4", "seed-2"],
        "onlineDistillation": ["seed-4", "seed-2"],
        "refinement": [],
        "students": [],
        "evaluation": ["seed-4", "seed-2"],
        "comparison": ["all"],
    }
    assert run.phase("experts")["envSteps"] == 2 * 800
    assert "/comparison/all/" in run.status["report"]
    assert set(run.status["success"]) == {"experts", "collective"}
