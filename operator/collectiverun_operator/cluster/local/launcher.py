"""Execs a container's command once the driver allows it. Run as a file with PARENT NICENESS COMMAND….

Standard input is the gate: one byte opens it, end of file (the driver died) closes it for good. So no
instruction of a command runs before the driver has its process id on disk, and none outlives the driver:
the kernel kills the process when its parent dies (PR_SET_PDEATHSIG, kept over exec). Only the standard
library's cheapest modules are imported; the interpreter runs with `-I -S`.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
START_FAILED = 128


def main(arguments: list[str]) -> int:
    """Wait at the gate and exec; returns only if the command can't be started."""
    parent, niceness, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent or not os.read(0, 1):
        return 1
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.nice(niceness)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]!r} can't be started: {error.strerror}", file=sys.stderr)
    return START_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
