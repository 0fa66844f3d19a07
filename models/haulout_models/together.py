"""Trains one network in several processes of this machine, each with a GPU of its own where there are any."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from haulout_models.data import LabelledTile
from haulout_models.detector import Detector
from haulout_models.job import ERROR, job_progress, job_result, write_job
from haulout_models.training import DetectorTraining, Progress, Trained

_TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node")
_LOG, _GLANCE_SECONDS, _TOLD_CHARACTERS = "log.txt", 1.0, 1500


class TrainingFailed(RuntimeError):
    """The processes ended without a network; the message says what they said last."""


def train_together(
    processes: int,
    folder: Path,
    tiles: Sequence[LabelledTile],
    settings: DetectorTraining,
    seed: int,
    progress: Callable[[Progress], None],
    *,
    held_out: Sequence[LabelledTile] = (),
    start: Detector | None = None,
) -> Trained:
    """Train in a folder as `train_detector` would, each process on batches of its own; go on with a killed try."""
    write_job(folder, tiles, settings, seed, held_out=held_out, start=start)
    command = [*_TORCHRUN, str(processes), "-m", "haulout_models.job", str(folder)]
    # Processes share the cores: each with as many threads as there are cores would slow all down tenfold.
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    environment = {"OMP_NUM_THREADS": threads} | os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with (folder / _LOG).open("wb") as log:
        running = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            while running.poll() is None:
                time.sleep(_GLANCE_SECONDS)
                if now := job_progress(folder):
                    progress(now)
        finally:
            running.terminate()
            running.wait()
    if running.returncode:
        last = folder / ERROR if (folder / ERROR).is_file() else folder / _LOG
        said = last.read_text(errors="replace")[-_TOLD_CHARACTERS:]
        raise TrainingFailed(f"{processes} processes that trained in {folder} ended with {running.returncode}: {said}")
    return job_result(folder)
