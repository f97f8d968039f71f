"""One run of the real trainer on S3, from `kubectl apply` to Complete, and what kubectl prints on the way."""

import re

import pytest
from support.run_bodies import learning_run_body

pytestmark = pytest.mark.timeout(2400)

RUN_SECONDS = 1800.0  # real work, on a machine that may be busy with much else

PHASES = ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation")


def test_a_run_goes_through_its_phases_as_jobs_and_kubectl_says_how_it_stands(namespace):
    run = namespace.apply_run(learning_run_body("whole", namespace.storage))
    seen = []

    def note(status):
        seen.append((status.get("state"), status.get("currentPhase"), status.get("progress")))
        return status.get("state") in ("Complete", "Failed")

    run.wait(note, "finished", RUN_SECONDS)
    assert_went_forward(seen)
    assert_complete(run)
    # Events are posted beside the rounds, the last ones after the run was called complete.
    run.wait_until(lambda: tells_the_story(events_of(run)), "Events of every phase and of the end")
    assert len(re.findall(r"Normal +Complete ", events_of(run))) == 1
    assert "Warning" not in events_of(run)


def assert_went_forward(seen):
    """Of all that was seen, progress never fell, and phases came in their order."""
    seen = [moment for moment in seen if moment[0] is not None]
    assert {state for state, _, _ in seen} <= {"Pending", "Running", "Complete"}
    done = [int(progress.split("/")[0]) for _, _, progress in seen]
    assert done == sorted(done)
    order = [PHASES.index(phase) for _, phase, _ in seen if phase]
    assert order == sorted(order)


def assert_complete(run):
    row, status = run.printed("--output", "wide"), run.status
    assert (row["STATE"], row["PROGRESS"], row["RETRIES"]) == ("Complete", "4/4", "0")
    assert run.condition("Complete") == ("True", "AllPhasesSucceeded")
    assert run.condition("Running") == ("False", "Finished")
    assert {phase["name"]: phase["state"] for phase in status["phases"]} == dict.fromkeys(
        PHASES, "Succeeded"
    ) | {"refinement": "Skipped", "students": "Skipped"}
    assert all(member["attempt"] == 1 for phase in status["phases"] for member in phase["members"])
    assert run.phase("experts")["envSteps"] == 800
    percent = round(100 * status["bestSuccess"]["anyStep"])
    assert re.match(rf"{percent} ?%", row["SUCCESS"]), row
    assert row["ETA"] in ("", "<none>")
    assert row["STORAGE"].startswith("s3://")
    run.wait_until(lambda: not run.job_names(), "no Job: each phase's goes when the phase is done")


def events_of(run):
    """The Events that `kubectl describe` prints."""
    return run.described().partition("\nEvents:\n")[2]


def tells_the_story(events):
    patterns = [r"Normal +Complete "]
    for phase in PHASES:
        patterns.append(rf"PhaseStarted .* phase {phase} begins")
        patterns.append(rf"PhaseSucceeded .* phase {phase} is done")
    return all(re.search(pattern, events) for pattern in patterns)
