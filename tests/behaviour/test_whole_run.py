"""One run of the real trainer on S3, from `kubectl apply` to Complete, and what kubectl prints on the way."""

import re

import pytest
from behaviour.runs import a_learning_run

pytestmark = pytest.mark.timeout(900)

PHASES = ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation")


def test_a_run_goes_through_its_phases_as_jobs_and_kubectl_says_how_it_stands(place):
    run = place.apply(a_learning_run("whole", place.storage))
    seen = []

    def note(status):
        seen.append((status.get("state"), status.get("currentPhase"), status.get("progress")))
        return status.get("state") in ("Complete", "Failed")

    run.wait_for_pod(1)
    run.wait_for_state("Running")
    row = run.printed()
    assert (row["STATE"], row["PHASE"], row["PROGRESS"]) == ("Running", "experts", "0/4")
    assert re.fullmatch(r"\d+[smh]", row["AGE"])
    run.wait(note, "finished")
    assert_went_forward(seen)
    assert_complete(run)
    assert_events_tell_the_story(run.described())


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
    assert run.job_names() == []  # each phase's Job went when the phase was done


def assert_events_tell_the_story(described):
    events = described.partition("\nEvents:\n")[2]
    for phase in PHASES:
        assert re.search(rf"PhaseStarted .* phase {phase} begins", events), events
        assert re.search(rf"PhaseSucceeded .* phase {phase} is done", events), events
    assert len(re.findall(r"Normal +Complete ", events)) == 1
    assert "Warning" not in events
