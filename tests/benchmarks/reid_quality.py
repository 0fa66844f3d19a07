"""Makes queries smaller, or more blurred, until they are no longer found: where experts' time would be wasted too.

Needs labels.csv with a split of database and query, as reid.py does; the database stays as it is.

    python tests/benchmarks/reid_quality.py --labels labels.csv --images DIR --json OUT
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "models"), str(Path(__file__).parent)]

from reid_data import read  # noqa: E402

from haulout_models.local_matching import describe_locally, match_many  # noqa: E402
from haulout_models.quality import measure_quality  # noqa: E402
from haulout_models.reidentifier import Reidentifier  # noqa: E402
from labeling_configs.vocabulary import ModelVersion  # noqa: E402

PIXELS = (32, 48, 64, 96, 128, 192, 320)
BLURS = (2.0, 4.0, 8.0)
"""Standard deviations, in pixels of a crop of BLURRED_AT."""
BLURRED_AT = 320


def main() -> None:
    options = arguments()
    data = read(options.labels, options.images, None)
    database, query = data.rows(data.splits == "database"), data.rows(data.splits == "query")
    network = Reidentifier.frozen(ModelVersion("frozen"))
    vectors, features = network.embed(database.crops), [describe_locally(crop) for crop in database.crops]
    result = []
    for spoiled, crops in versions(query.crops):
        alike = (network.embed(crops) @ vectors.T).argmax(axis=1)
        matched = [match_many(describe_locally(crop), features).argmax() for crop in crops]
        result.append(
            spoiled
            | {
                "rank1_frozen": float(np.mean(database.names[alike] == query.names)),
                "rank1_local": float(np.mean(database.names[matched] == query.names)),
                "sharpness": np.quantile(
                    [measure_quality(crop).sharpness for crop in crops], (0.05, 0.5, 0.95)
                ).tolist(),
            }
        )
        sys.stderr.write(f"{result[-1]}\n")
    text = json.dumps({"benchmark": "reid_quality", "queries": len(query.names), "versions": result}, indent=2)
    sys.stdout.write(text + "\n") if options.json == "-" else Path(options.json).write_text(text + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    return parser.parse_args()


def versions(crops: list[np.ndarray]) -> list[tuple[dict[str, float], list[np.ndarray]]]:
    smaller = [({"pixels": side, "blur": 0.0}, [scaled(crop, side) for crop in crops]) for side in PIXELS]
    usual = [scaled(crop, BLURRED_AT) for crop in crops]
    return smaller + [
        ({"pixels": BLURRED_AT, "blur": blur}, [cv2.GaussianBlur(crop, (0, 0), blur) for crop in usual])
        for blur in BLURS
    ]


def scaled(crop: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(crop.shape)
    return cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
