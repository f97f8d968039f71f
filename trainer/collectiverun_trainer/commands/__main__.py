"""Runs one command: its request on standard input, its answer as the last line of standard output."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any

from pydantic import ValidationError

from collectiverun_trainer.commands.requests import REQUESTS
from collectiverun_trainer.config.validation import faults
from collectiverun_trainer.errors import PhaseError, Usage
from collectiverun_trainer.process import output

RETRY_SECONDS = "30"  # a person waits
_FAILED = 1
_EXTRAS = {
    **dict.fromkeys(("av",), "play"),
    **dict.fromkeys(("onnx", "onnxruntime", "onnxscript", "yaml"), "export"),
    **dict.fromkeys(("h5py", "minari", "pyarrow"), "datasets"),
}


def main(arguments: list[str]) -> int:
    """Answer the request; the exit code, as a phase's (errors.py)."""
    os.environ.setdefault("COLLECTIVERUN_STORAGE_RETRY_SECONDS", RETRY_SECONDS)
    try:
        answer, code = _answered(arguments[0], sys.stdin.read()), 0
    except PhaseError as error:
        answer, code = {"message": str(error)}, error.exit_code
    except ModuleNotFoundError as error:
        answer, code = {"message": _missing(str(error.name), arguments[0])}, Usage.exit_code
    except Exception as error:
        output.say(traceback.format_exc(), sys.stderr)
        answer, code = {"message": f"{type(error).__name__}: {error}"}, _FAILED
    output.say(json.dumps(answer))
    return code


def _answered(command: str, text: str) -> dict[str, Any]:
    request, module = REQUESTS[command]
    try:
        wish = request.model_validate_json(text)
    except ValidationError as error:
        raise Usage(f"{command}: {faults(error, request)}") from None
    answer: dict[str, Any] = importlib.import_module(module).run(wish)
    return answer


def _missing(package: str, command: str) -> str:
    extra = _EXTRAS.get(package.split(".")[0], "trainer")
    return f"{command} needs the package {package}: pip install 'collectiverun[{extra}]'"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
