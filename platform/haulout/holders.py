"""Who holds a lease or a job: a process of a machine, named so that its death is known and not only guessed."""

import os
import secrets
import socket
from datetime import timedelta
from pathlib import Path

import psutil

SILENCE = timedelta(seconds=45)
"""A holder elsewhere that gives no sign of life for longer is taken for dead; with a look each quarter of a minute
that is noticed within a minute."""


def this_process() -> str:
    """Name this process as a holder: machine, number, birth, and a word of its own for each call."""
    return f"{socket.gethostname()}:{os.getpid()}:{_birth(os.getpid())}:{secrets.token_hex(4)}"


def where(holder: str) -> str:
    """Return machine and number of a holder, for people."""
    return ":".join(holder.split(":")[:2])


def is_dead(holder: str, silent: timedelta, silence: timedelta = SILENCE) -> bool:
    """Say whether nobody works under this name any more; `silent` is how long ago it gave a sign of life.

    What lives on this machine is left alone, however the clock may jump, unless somebody has stopped it (SIGSTOP).
    """
    host, _, process = holder.partition(":")
    number, _, birth = process.rpartition(":")[0].partition(":")
    if host != socket.gethostname() or not number.isdigit():
        return silent > silence
    state = _state(int(number))
    if state in _GONE or _birth(int(number)) != birth:
        return True
    return state == psutil.STATUS_STOPPED and silent > silence


_GONE = (None, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def _state(number: int) -> str | None:
    try:
        return str(psutil.Process(number).status())
    except psutil.NoSuchProcess:
        return None


def _birth(number: int) -> str:
    """Return when a process began: in ticks since the machine did, where told, for clocks are put back and forth."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        return _birth_elsewhere(number)


def _birth_elsewhere(number: int) -> str:
    try:
        return f"{psutil.Process(number).create_time():.2f}"
    except psutil.NoSuchProcess:
        return ""
