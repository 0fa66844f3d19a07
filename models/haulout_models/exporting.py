"""Turns a torch network into one that ONNX Runtime runs, and says how far their answers may lie apart."""

import copy
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

TOLERANCE = 1e-3
"""How far raw outputs may differ from torch's: a thousandth of a logit, of a cell, or of a size's logarithm."""
PIXELS = 0.05
"""How far boxes read off the same raw output may lie apart."""
_OPSET = 17
_TRACED, _PROBED = (2, 64, 96, 3), (3, 96, 160, 3)
"""A probe of another size than the traced one finds sizes that the export took for constants."""


class UnfaithfulCopy(RuntimeError):
    """The exported network cannot be made, or does not answer as the trained one does."""


def onnx_session(
    network: nn.Module, more_inputs: Sequence[str], outputs: Sequence[str], threads: int
) -> onnxruntime.InferenceSession:
    """Export a network of images (n, h, w, 3), bytes, for so many threads; UnfaithfulCopy when it cannot be."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others work on this machine too
    try:
        content = _export(_evenly_padded(network), ("images", *more_inputs), outputs)
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # neither the exporter's nor onnxruntime's exceptions share a base class
        raise UnfaithfulCopy(f"it could not be exported: {error}") from error


def _evenly_padded(network: nn.Module) -> nn.Module:
    """Copy a network whose pictures' sides are multiples of its strides, with the padding as a constant.

    timm works it out from each picture; only a constant can ONNX Runtime make part of the convolution, which saves a
    sixth of the time.
    """
    copied = copy.deepcopy(network)
    for name, module in list(copied.named_modules()):
        if isinstance(module, Conv2dSame):
            copied.set_submodule(name, _padded(module))
    return copied.eval()


def _padded(same: nn.Conv2d) -> nn.Sequential:
    """What the last window reaches over the picture is split between its two sides, the lower and right one first."""
    axes = zip(same.kernel_size, same.stride, same.dilation, strict=True)
    top, left = (max(0, dilation * (kernel - 1) + 1 - stride) for kernel, stride, dilation in axes)
    sides = (left // 2, left - left // 2, top // 2, top - top // 2)
    plain = nn.Conv2d(
        same.in_channels,
        same.out_channels,
        same.kernel_size,  # type: ignore[arg-type]
        same.stride,  # type: ignore[arg-type]
        dilation=same.dilation,  # type: ignore[arg-type]
        groups=same.groups,
        bias=same.bias is not None,
    )
    plain.load_state_dict(same.state_dict())
    return nn.Sequential(nn.ZeroPad2d(sides), plain)


def _export(network: nn.Module, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Trace the network; the newer exporter, which torch would rather see used, needs one more package."""
    example = (torch.zeros(_TRACED, dtype=torch.uint8), torch.tensor(0.5))[: len(inputs)]
    free = {"images": {0: "n", 1: "height", 2: "width"}, "raw": {0: "n", 2: "rows", 3: "columns"}}
    axes = {name: free.get(name, {0: "rows of " + name}) for name in ("images", *outputs)}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "network.onnx"
        torch.onnx.export(
            network,
            example,
            file,
            dynamo=False,
            opset_version=_OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
        )
        return file.read_bytes()


def compare(name: str, ours: NDArray[Any], theirs: NDArray[Any], allowed: float = TOLERANCE) -> None:
    """Raise UnfaithfulCopy when the two differ in shape, or anywhere by more than is allowed."""
    if ours.shape != theirs.shape:
        raise UnfaithfulCopy(f"{name} of shape {ours.shape} instead of {theirs.shape}")
    difference = float(np.abs(ours - theirs).max(initial=0.0))
    if not difference <= allowed:  # also true of what is not a number
        raise UnfaithfulCopy(f"{name} differs by {difference:.2g}, more than {allowed:g}")


def probe() -> NDArray[np.uint8]:
    """Patches and noise, so that every part of a network has something to say."""
    number, height, width, _ = _PROBED
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 256, (number, height // 16, width // 16, 3)).astype(np.uint8)
    large = np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in patches])
    noisy = large.astype(np.int64) + rng.integers(-9, 10, large.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
