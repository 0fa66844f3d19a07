"""Whoever restarts the pages does not wait for networks, nor has room taken by them."""

import os
import subprocess
import sys

HEAVY = ("torch", "modAL", "timm", "torchvision", "onnxruntime", "matplotlib")
STARTED = f"import sys, haulout.web; print([name for name in {HEAVY} if name in sys.modules])"


def test_the_pages_start_without_any_network():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    done = subprocess.run([sys.executable, "-c", STARTED], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
