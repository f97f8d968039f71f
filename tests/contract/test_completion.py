"""Shells complete the commands and the names of this machine's runs: bash, zsh and fish."""

import os
import subprocess

import pytest
from contract.collectiverun_command import COMMAND
from contract.finished_run import FinishedRun

_VARIABLE = "_COLLECTIVERUN_COMPLETE"


def _asked(shell: str, words: str) -> dict[str, str]:
    """The variables in which a shell's script tells what has been typed."""
    if shell == "bash":
        return {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    return {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}


def _completed(shell: str, words: str, cache: str) -> str:
    variables = {**os.environ, **_asked(shell, words), "COLLECTIVERUN_CACHE": cache}
    done = subprocess.run(
        [str(COMMAND)], env=variables | {_VARIABLE: f"complete_{shell}"}, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_names_of_runs(shell: str, quickstart: FinishedRun) -> None:
    assert "debug-dump" in _completed(shell, "collectiverun debug", str(quickstart.cache))
    for command in ("status", "play", "compare", "export policy"):
        assert "quickstart" in _completed(shell, f"collectiverun {command} qui", str(quickstart.cache))
    assert "quickstart" not in _completed(shell, "collectiverun status kitch", str(quickstart.cache))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_that_switches_it_on_is_printed(shell: str) -> None:
    done = subprocess.run(
        [str(COMMAND)], env=os.environ | {_VARIABLE: f"source_{shell}"}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{_VARIABLE}=complete_{shell}" in done.stdout
