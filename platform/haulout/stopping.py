"""How a process learns that it shall end, and that its parent has died."""

import ctypes
import os
import signal
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Terminated(KeyboardInterrupt):
    """This process was ended from outside: Haulout is stopped, or the machine goes down; the work goes on later."""


def stop_when_told() -> None:
    """Let SIGTERM raise Terminated, once: what is put in order after the first must not be broken off by a second."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated("stopped from outside")


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies: an orphan would train on while its job is done anew."""
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL):
        raise OSError(ctypes.get_errno(), "the kernel does not tell when the parent dies")
    if os.getppid() != parent:  # it died before we had asked
        os.kill(os.getpid(), signal.SIGKILL)
