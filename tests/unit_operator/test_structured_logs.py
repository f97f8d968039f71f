"""Logs: a line is one JSON object that says what it is about, or text a person reads."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from collectiverun_operator.controller.logs import about, configure_logging

LOG = logging.getLogger("collectiverun_operator.test")


@pytest.fixture(autouse=True)
def _root_logger_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_json_line_says_run_phase_and_member(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    LOG.warning(
        "attempt %d failed", 2, extra=about("team", "demo", phase="experts", member="reach-v3-sawyer")
    )
    document = json.loads(capsys.readouterr().err)
    assert document.pop("time")
    assert document == {
        "level": "WARNING",
        "logger": "collectiverun_operator.test",
        "message": "attempt 2 failed",
        "namespace": "team",
        "run": "demo",
        "phase": "experts",
        "member": "reach-v3-sawyer",
    }


def test_an_exception_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        LOG.exception("broke off")
    (line,) = capsys.readouterr().err.splitlines()
    assert "RuntimeError: first\nsecond" in json.loads(line)["exc_info"]


def test_text_begins_with_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text")
    LOG.info("attempt 1", extra=about("team", "demo", phase="experts"))
    LOG.info("started")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("INFO    team/demo experts: attempt 1")
    assert second.endswith("INFO    started")
