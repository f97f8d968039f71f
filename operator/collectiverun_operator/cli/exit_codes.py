"""Exit codes of the commands that look at runs, and the errors that end with them.

0 done, 1 the run failed (`run`) or a bug, 2 usage: no such run, an option, a package that is missing,
3 refused: the spec, storage or the cluster, 4 not there (yet) or damaged, 5 no answer from storage or the
cluster, 130 stopped by Ctrl-C. 2 to 5 are those of the trainer's own processes.
"""

from __future__ import annotations

from collectiverun_operator.errors import CollectiveRunError

DONE, FAILED, USAGE, REFUSED, NOT_THERE, NO_ANSWER, STOPPED = 0, 1, 2, 3, 4, 5, 130


class CommandError(CollectiveRunError):
    """A command can't do what it was asked; the text is one sentence for a person."""

    exit_code: int = USAGE


class UnknownRunError(CommandError):
    """There is no run of that name, or more than one."""


class NotThereError(CommandError):
    """What is asked for is not there yet, not there any more, or damaged."""

    exit_code = NOT_THERE


class RefusedError(CommandError):
    """The cluster refuses the request."""

    exit_code = REFUSED


class NoAnswerError(CommandError):
    """The cluster does not answer."""

    exit_code = NO_ANSWER
