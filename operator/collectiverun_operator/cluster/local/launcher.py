"""Execs a container's command once the driver allows it. Run as a file with PARENT NICENESS COMMAND….

Standard input is the gate: one byte opens it, end of file (the driver died) closes it for good. So no
instruction of a command runs before the driver has its process id on disk, and none outlives the driver:
the kernel kills the process when its parent dies (PR_SET_PDEATHSIG, kept over exec). Only the standard
library's cheapest modules are imported; the interpreter runs with `-I -S`.
"""

import errno
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
START_FAILED = 128
AUTOGROUP = "/proc/self/autogroup"
# An ordinary user may write it ten times a second, all users together (kernel/sched/autogroup.c).
AUTOGROUP_TRIALS = 10
AUTOGROUP_PAUSE_SECONDS = 0.1


def main(arguments: list[str]) -> int:
    """Wait at the gate and exec; returns only if the command can't be started."""
    parent, niceness, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent or not os.read(0, 1):
        return 1
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    give_way(os.nice(niceness))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]!r} can't be started: {error.strerror}", file=sys.stderr)
    return START_FAILED


def give_way(niceness: int) -> None:
    """Make the session as nice as the process.

    Where the kernel schedules by session (sched_autogroup_enabled, as on most desktops), a process's own
    niceness counts within its session alone, and each command here leads one. Elsewhere nothing is to do.
    """
    for _ in range(AUTOGROUP_TRIALS if niceness > 0 else 0):
        try:
            os.write(os.open(AUTOGROUP, os.O_WRONLY | os.O_CLOEXEC), str(niceness).encode())
            return
        except OSError as error:
            if error.errno != errno.EAGAIN:
                return
        time.sleep(AUTOGROUP_PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
