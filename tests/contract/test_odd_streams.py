"""The command `collectiverun` where streams are closed, full or know few letters; nothing is trained."""

import subprocess
from pathlib import Path

import pytest
from contract.collectiverun_command import COMMAND, finish, start, tiny_run


def test_a_closed_standard_input_is_no_run_file():
    # A shell's `<&-`: Python has no sys.stdin then.
    line = f"exec {COMMAND} validate -f - <&-"
    ended = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "standard input is closed; give the path of a run file\n"


def test_a_closed_output_changes_no_exit_code(tmp_path):
    line = f"exec {COMMAND} validate -f {tiny_run(tmp_path)} >&-"
    ended = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_neither_a_home_nor_a_folder_for_temporary_files_is_needed(tmp_path, monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    code, _, stderr = finish(start(tiny_run(tmp_path, suspend=True)))
    assert (code, "Traceback" in stderr) == (130, False)


def test_an_output_that_is_full_changes_no_exit_code(tmp_path):
    with Path("/dev/full").open("w") as full:
        arguments = [COMMAND, "validate", "-f", tiny_run(tmp_path)]
        ended = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_what_a_full_output_does_not_take_is_a_sentence(words):
    with Path("/dev/full").open("w") as full:
        arguments = [COMMAND, "robots", "list", *words]
        ended = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "the output can't be written: No space left on device\n")


def test_a_list_that_nobody_reads_is_no_fault():
    line = f"exec {COMMAND} robots list >&-"
    ended = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_letter_that_the_output_has_not_ends_no_run(tmp_path, encoding, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    folder = tmp_path / "→"
    folder.mkdir()
    process = start(tiny_run(folder, storage={"uri": f"file://{tmp_path}"}, suspend=True))
    code, stdout, stderr = finish(process)
    assert (code, "Traceback" in stderr) == (130, False)
    assert f"state directory {tmp_path}/?/cache/" in stdout
    assert stdout.splitlines()[-1] == "stopped; run the same command again to continue"
