"""Asks the decoder process about files, and starts it again when a file has killed it."""

import json
import os
import selectors
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from haulout.errors import HauloutError
from haulout.room import storage_full
from haulout.storage.files import CannotWrite

_LONGEST_ANSWER = 1 << 16


class DecoderUnavailable(HauloutError):
    """The decoder process does not start, which says nothing about any photo."""


class BrokenPicture(HauloutError):
    """The file is no usable photo; the message says why."""


@dataclass(frozen=True)
class Examined:
    """What a photo says about itself; width and height are as displayed, `exif` holds only the fields it has."""

    suffix: str
    width: int
    height: int
    exif: dict[str, str]


class Decoder:
    """Decodes files in a process with limits on memory, time and size; that process outlives the files."""

    def __init__(self, patience: float = 120.0) -> None:
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def examine(self, path: Path, web: Path) -> Examined:
        """Decode the photo and write its sanitised version to `web`; BrokenPicture says why it is none."""
        question = json.dumps({"path": str(path.resolve()), "web": str(web.resolve())}).encode() + b"\n"
        answer = self._ask(question) or self._ask(question)  # once more: the machine may have been out of memory
        if answer is None:
            raise BrokenPicture("could not be decoded: the decoder ran out of its time or memory, or crashed")
        if "broken" in answer:
            raise BrokenPicture(answer["broken"])
        if answer.get("full"):
            raise storage_full(web)
        if "failed" in answer:
            raise CannotWrite(f"The decoder could not write {web}: {answer['failed']}. Check the home folder.")
        return Examined(answer["suffix"], answer["width"], answer["height"], answer["exif"])

    def _ask(self, question: bytes) -> dict[str, Any] | None:
        process = self._running()
        try:
            process.stdin.write(question)  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            self._stop()
            return None
        return self._hear()

    def _hear(self) -> dict[str, Any] | None:
        """Return the next answer; None, with the process ended, when there is none or it makes no sense."""
        line = self._line()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            self._stop()
            return None
        return answer

    def _line(self) -> bytes:
        output = self._process.stdout  # type: ignore[union-attr]
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)  # type: ignore[arg-type]
            while not line.endswith(b"\n") and len(line) < _LONGEST_ANSWER and selector.select(self._patience):
                chunk = os.read(output.fileno(), _LONGEST_ANSWER)  # type: ignore[union-attr]
                if not chunk:
                    break
                line += chunk
        return line

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = _start()
            if self._hear() != {"ready": True}:
                self._stop()
                raise DecoderUnavailable(
                    "The process that decodes photos does not start. "
                    f"Try `{sys.executable} -m haulout.storage.decoder_process` to see why."
                )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.communicate()


def _start() -> subprocess.Popen[bytes]:
    """No variable but these, so no secret, reaches the process that opens unknown files."""
    places = os.pathsep.join(place or os.getcwd() for place in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "haulout.storage.decoder_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
        start_new_session=True,  # Ctrl-C is for the asker, who then ends this one
    )
