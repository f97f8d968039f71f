"""The command line of a phase, parsed before anything heavy is imported."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from collectiverun_trainer.config import PARAMS, PHASE_NAMES, unpacked
from collectiverun_trainer.config.validation import faults
from collectiverun_trainer.errors import InvalidConfiguration, Usage
from collectiverun_trainer.order import ORDER_VARIABLE, PhaseOrder

# The address of an artifact is part of the result line, which must fit a container's termination message.
MEMBER_URI_LIMIT_BYTES = 2048

_DESCRIPTION = """\
Run one phase of a collective run: read the artifacts that its phase order
names, train, and publish one artifact. An interrupted attempt resumes from its last
checkpoint; work that is already published is only reported again.
"""

_EPILOG = f"""\
phases:
  {", ".join(PHASE_NAMES[:3])},
  {", ".join(PHASE_NAMES[3:])}

output:
  stdout   JSON lines: {{"kind": "progress" | "metrics" | "log", ...}}
  stderr   messages for people, and a progress bar on a terminal
  result   one JSON line in the file $COLLECTIVERUN_RESULT_PATH, or
           /dev/termination-log in a container, or else the last line on stdout

exit codes:
  0 done   2 usage   3 invalid configuration   4 input missing or corrupt
  5 storage unavailable   143 stopped after a checkpoint   1 anything else

environment:
  {ORDER_VARIABLE}            the phase order, unless --order is given
  COLLECTIVERUN_GRACE_SECONDS          grace period after SIGTERM (25)
  COLLECTIVERUN_STORAGE_RETRY_SECONDS  storage retries end after (300)
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN for s3://

example:
  python -m collectiverun_trainer experts --order order.json > progress.jsonl
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Usage(f"{message[:1].upper()}{message[1:]}. Try: {self.prog} --help")


def parse(arguments: Sequence[str]) -> PhaseOrder:
    """The phase order that the command line names.

    Raises:
        Usage: if the command line is wrong, or there is no order or none that is JSON.
        InvalidConfiguration: if the order is invalid; with the path of every wrong field.
    """
    parser = _Parser(
        prog="python -m collectiverun_trainer",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("phase", choices=PHASE_NAMES, metavar="PHASE", help="the phase to run, see below")
    parser.add_argument(
        "--order", metavar="FILE", help="file with the phase order as JSON; - for standard input"
    )
    options = parser.parse_args(arguments)
    order = _validated(_text(options.order))
    if order.phase != options.phase:
        raise InvalidConfiguration(
            f"The phase order is for {order.phase!r}, but the command names {options.phase!r}."
        )
    return order


def _text(path: str | None) -> str:
    if path is None:
        if ORDER_VARIABLE not in os.environ:
            raise Usage(
                f"There is no phase order: set {ORDER_VARIABLE} or give --order FILE (- for standard input)."
            )
        return os.environ[ORDER_VARIABLE]
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"The phase order {path!r} cannot be read: {error}.") from error


def _validated(text: str) -> PhaseOrder:
    try:
        text = unpacked(text)
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Usage(f"The phase order is not JSON: {error}.") from error
    try:
        order = PhaseOrder.model_validate_json(text)
    except ValidationError as error:
        raise InvalidConfiguration(f"The phase order is invalid: {faults(error, PhaseOrder)}.") from error
    try:
        PARAMS[order.phase].model_validate(order.params)
    except ValidationError as error:
        raise InvalidConfiguration(
            f"The phase order is invalid: {faults(error, PARAMS[order.phase], 'params')}."
        ) from error
    if not order.tasks:
        raise InvalidConfiguration("The phase order is invalid: tasks: name at least one task.")
    if len(json.dumps(order.member_uri)) > MEMBER_URI_LIMIT_BYTES:
        raise InvalidConfiguration(
            f"The phase order is invalid: memberUri: over {MEMBER_URI_LIMIT_BYTES} bytes."
        )
    return order
