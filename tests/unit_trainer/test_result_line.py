"""The result line always fits a container's termination message, and always says what counts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import RESULT_LIMIT_BYTES, RESULT_PATH_VARIABLE, PhaseResult, Success
from collectiverun_trainer.process import result

texts = st.text(max_size=20) | st.builds(
    lambda text, times: text * times, st.text(min_size=1, max_size=5), st.integers(1, 4000)
)


@given(message=texts, note=texts)
def test_any_message_and_note_fit(message: str, note: str):
    whole = PhaseResult(
        exit_code=1,
        reason="Failed",
        message=message,
        note=note,
        uri="s3://" + "b" * 1000,
        manifest_sha256="0" * 64,
        success=Success(any_step=1 / 3, at_end=1 / 7),
    )
    line = whole.to_line()
    read = PhaseResult.model_validate_json(line)
    assert len(line.encode()) <= RESULT_LIMIT_BYTES
    assert "\n" not in line
    assert read.model_copy(update={"message": "", "note": ""}) == whole.model_copy(
        update={"message": "", "note": ""}
    )
    for shown, full in ((read.message, message), (read.note, note)):
        assert shown == full or full.startswith(shown.removesuffix("…"))


def test_a_short_result_is_not_cut():
    whole = PhaseResult(exit_code=0, reason="Succeeded", message="m" * 1000, note="n" * 1000)
    assert PhaseResult.model_validate_json(whole.to_line()) == whole


def test_a_long_message_fills_the_line():
    line = PhaseResult(exit_code=1, reason="Failed", message="x" * 10_000, note="kept").to_line()
    assert RESULT_LIMIT_BYTES - 12 <= len(line) <= RESULT_LIMIT_BYTES
    assert json.loads(line)["note"] == "kept"


def test_an_address_that_can_not_fit_is_an_error_and_no_endless_loop():
    with pytest.raises(ValueError, match=r"shorten storage\.uri"):
        PhaseResult(exit_code=0, reason="Succeeded", uri="s3://" + "b" * 5000).to_line()


def test_the_first_result_counts(tmp_path, monkeypatch):
    path = tmp_path / "result"
    monkeypatch.setenv(RESULT_PATH_VARIABLE, str(path))
    line = result.ResultLine()
    line.write(PhaseResult(exit_code=0, reason="Succeeded"))
    line.write(PhaseResult(exit_code=143, reason="Stopped"))
    assert PhaseResult.model_validate_json(path.read_text()).reason == "Succeeded"
    assert line.exit_code == 0


def test_a_path_that_can_not_be_written_leaves_the_result_on_stdout(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(RESULT_PATH_VARIABLE, str(tmp_path / "none" / "result"))
    result.ResultLine().write(result.failure(InputInvalid("Broken.")))
    captured = capsys.readouterr()
    assert json.loads(captured.out)["reason"] == "InputInvalid"
    assert "cannot be written" in captured.err


def test_an_error_with_a_name_that_is_no_text_can_be_reported():
    outcome = result.unexpected(OSError(2, "No such file", "caf\udce9"))
    assert "caf" in json.loads(outcome.to_line())["message"]


def test_an_unexpected_error_tells_its_kind_and_place():
    try:
        [][0]
    except IndexError as error:
        outcome = result.unexpected(error)
    assert (outcome.exit_code, outcome.reason) == (1, "IndexError")
    assert "list index out of range [test_result_line.py:" in outcome.message
