"""What needs storage or networks is done by a process of the trainer (docs/adr/018).

A JSON document goes in on standard input, a JSON line comes out on standard output; standard error is the
user's. Exit codes 2 to 5 mean the same in both halves.
"""

from __future__ import annotations

import json
import subprocess
import sys

from collectiverun_operator.cli.exit_codes import FAILED, CommandError
from collectiverun_operator.json_types import JSONObject

_PROGRAM = "collectiverun_trainer.commands"


class TrainerCommandError(CommandError):
    """A command of the trainer failed, with its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def ask_trainer(command: str, request: JSONObject) -> JSONObject:
    """The answer of `python -m collectiverun_trainer.commands <command>` to a request.

    Raises TrainerCommandError with the trainer's sentence.
    """
    done = subprocess.run(
        [sys.executable, "-m", _PROGRAM, command],
        input=json.dumps(request),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    try:
        answer: JSONObject = json.loads(lines[-1]) if lines else {}
    except ValueError:
        answer = {}
    if done.returncode:
        message = answer.get("message") or f"the trainer ended with exit code {done.returncode}; see above"
        raise TrainerCommandError(str(message), done.returncode if done.returncode > 0 else FAILED)
    return answer
