"""What every module that compares animals takes: one animal cut out of its photo."""

import cv2
import numpy as np
from numpy.typing import NDArray

Crop = NDArray[np.uint8]
"""One animal cut out of its photo, RGB (h, w, 3)."""


def checked(crop: Crop) -> Crop:
    """Return the crop if it is one."""
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or 0 in crop.shape:
        raise ValueError(f"a crop must be RGB bytes (h, w, 3); got {crop.dtype} of shape {crop.shape}")
    return crop


def squeezed(crop: Crop, height: int, width: int) -> Crop:
    """Scale a crop to these pixels, whatever its shape: animals are of about one shape, and no pixel is wasted."""
    how = cv2.INTER_AREA if min(checked(crop).shape[:2]) > min(height, width) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (width, height), interpolation=how), dtype=np.uint8)


def mirrored(crop: Crop) -> Crop:
    """Return the mirror image, which is never the same animal: no flank has its other flank's marks."""
    return np.ascontiguousarray(crop[:, ::-1])
