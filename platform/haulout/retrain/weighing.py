"""What a new network's likenesses are worth: measured on individuals that it never learned from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from active_learning.shortlist import nearest_pairs
from haulout.comparing import NEAREST, in_columns, match, placed
from haulout.serving import ON_THIS_CATALOGUE
from haulout.tables import AnimalRow, PhotoRow
from haulout_models.fusion import FIRST_DAY, Fusion, fit_fusion
from haulout_models.local_matching import describe_locally
from haulout_models.reidentifier import Reidentifier

Sighting = tuple[str, AnimalRow, PhotoRow]


def weigh(network: Reidentifier, crops: Sequence[NDArray[np.uint8]], sightings: Sequence[Sighting]) -> Fusion:
    """Compare each sighting with its nearest of other bursts, as the catalogue will, and weigh what tells same ones.

    With too few of these pairs only the match of keypoints is believed, as on the first day.
    """
    bursts = np.unique([photo.burst for _, _, photo in sightings], return_inverse=True)[1].astype(np.int64)
    rows, cosines = nearest_pairs(network.embed(crops), bursts, NEAREST)
    features = [placed(describe_locally(crop), animal) for crop, (_, animal, _) in zip(crops, sightings, strict=True)]
    ends = [(sightings[one][2], sightings[other][2]) for one, other in rows.tolist()]
    local = [
        match(features[one], features[other], photos) for (one, other), photos in zip(rows.tolist(), ends, strict=True)
    ]
    same = np.array([sightings[one][0] == sightings[other][0] for one, other in rows.tolist()], dtype=bool)
    columns = in_columns(cosines.tolist(), local, ends)
    return fit_fusion(columns, same, FIRST_DAY.of_matches_only(), ON_THIS_CATALOGUE)
