"""A process of its own, with limits, in which unknown files are decoded; a bomb or an exploit ends here.

Reads one JSON line per file, {"path", "web"}, and answers with one JSON line.
"""

import errno
import json
import resource
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from haulout.storage.examination import Broken, examine

MEMORY = 768 << 20
"""Of addresses; the largest photos that are decoded take 512 MB, see `MOST_WHOLE_PIXELS`."""
CPU_SECONDS = 60
_LARGEST_FILE = 64 << 20


def main() -> None:
    """Answer until the asker goes away."""
    _limit()
    Image.MAX_IMAGE_PIXELS = None  # our own limit names both sides of the picture
    _say({"ready": True})
    for line in sys.stdin:
        _allow_seconds(CPU_SECONDS)
        asked = json.loads(line)
        _say(_answer(Path(asked["path"]), Path(asked["web"])))


def _answer(path: Path, web: Path) -> dict[str, Any]:
    try:
        return examine(path, web)
    except Broken as error:
        return {"broken": str(error)}
    except OSError as error:
        return {"full": error.errno in (errno.ENOSPC, errno.EDQUOT), "failed": str(error)}


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_seconds(seconds: int) -> None:
    """The limit counts the whole life of the process, so it moves on with every file."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, most))


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
