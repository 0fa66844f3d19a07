"""Photos a second from JPEG files of 12 megapixels to boxes, beside torchvision's light Faster R-CNN and bare decoding.

    python tests/benchmarks/throughput.py --boxes boxes.csv --images DIR --weights FOLDER --frcnn FILE --json OUT

boxes.csv has the columns file, split, x1, y1, x2, y2. The photos are made, in a folder that vanishes: each is the
middle of a test tile, 4 by 3, enlarged to 4000 x 3000 pixels with a camera's noise, so they hold no more than it.
`--weights` is a folder with tensors.safetensors and card.json, as the registry and `detector.py --keep` leave them; the
built-in starter else. `--frcnn` is what `detector.py --peers --keep` stored; without it the peer's speed is told and no
AP50. `--soak N` looks at the photos N times over and tells how much memory is held after each quarter.

All methods take turns, `--rounds` times; figures are medians. On a machine that does other work, trust
`cpu_ms_per_image`, and the ratios.
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "models"), str(ROOT / "tests" / "benchmarks")]

import matching  # noqa: E402
from detector_data import read_exam  # noqa: E402
from detector_peers import Peer, build_peer  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from haulout_models.backbone import GLANCE  # noqa: E402
from haulout_models.data import LabelledTile  # noqa: E402
from haulout_models.decoding import UnreadablePhoto, decode, in_order  # noqa: E402
from haulout_models.detector import Detector  # noqa: E402
from haulout_models.evaluation import average_precision  # noqa: E402
from haulout_models.inference import FastDetector, detect_files, fast_describer, find  # noqa: E402
from haulout_models.starter import load_starter  # noqa: E402
from haulout_models.tiling import Found  # noqa: E402
from labeling_configs.vocabulary import ModelVersion  # noqa: E402

SIZE = (4000, 3000)
FRCNN = "fasterrcnn_mobilenet_v3_large_320_fpn"
Method = Callable[[list[Path]], Iterable[Found | None]]


@dataclass(frozen=True)
class BigPhoto:
    path: Path
    boxes: np.ndarray


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.cores)
    exam = read_exam(options.boxes, options.images, options.split, options.photos)
    stored = load(options.weights)
    with tempfile.TemporaryDirectory() as folder:
        photos = [enlarge(tile, Path(folder), number) for number, tile in enumerate(exam.tiles)]
        detector = FastDetector.of(fitted(stored, exam.tiles[0], options.fit), options.threads)
        methods = the_methods(detector, options)
        result = take_turns(methods, photos, options)
        if options.soak:
            result["ours"]["soak"] = soak(detector, [photo.path for photo in photos], options)
        megabytes = statistics.mean(photo.path.stat().st_size for photo in photos) / 1e6
    write(options, detector, megabytes, result)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--photos", type=int, default=48)
    parser.add_argument("--weights", type=Path, default=None, help="folder of a trained detector")
    parser.add_argument("--frcnn", type=Path, default=None, help="safetensors of a trained peer")
    parser.add_argument("--fit", type=int, default=None, help="pixels of the longer side that our network sees")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="photos looked at side by side")
    parser.add_argument("--threads", type=int, default=1, help="threads of the network for each of them")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="torch's threads, for the peer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--soak", type=int, default=0, help="look at all photos so many times more")
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    return parser.parse_args()


def load(folder: Path | None) -> Detector:
    if folder is None:
        return load_starter()
    return Detector.stored(folder)


def fitted(detector: Detector, tile: LabelledTile, fit: int | None) -> Detector:
    """Let it see the enlarged photos as large as it saw the tiles, and each at once."""
    settings = detector.settings
    wanted = fit or settings.fit or round(max(tile.size()) * settings.scale)
    detector.settings = replace(settings, fit=wanted, tile=max(settings.tile, wanted), threshold=0.01)
    return detector


def enlarge(tile: LabelledTile, folder: Path, number: int) -> BigPhoto:
    """Keep the animals of which at least half shows."""
    image = tile.read()
    height = min(image.shape[0], image.shape[1] * SIZE[1] // SIZE[0])
    width = height * SIZE[0] // SIZE[1]
    left, top = (image.shape[1] - width) // 2, (image.shape[0] - height) // 2
    part = Image.fromarray(image[top : top + height, left : left + width]).resize(SIZE, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(number).normal(0, 3, (SIZE[1], SIZE[0], 1))
    noisy = np.clip(np.asarray(part) + noise, 0, 255).astype(np.uint8)
    path = folder / f"{number:04d}.jpg"
    Image.fromarray(noisy).save(path, quality=95)
    moved = (tile.boxes - [left, top, left, top]) * (SIZE[0] / width)
    inside = np.clip(moved, 0, [*SIZE, *SIZE])
    return BigPhoto(path, inside[area(inside) >= area(moved) / 2])


def area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def the_methods(detector: FastDetector, options: argparse.Namespace) -> dict[str, Method]:
    peer = Peer(build_peer(FRCNN).eval(), 0, ModelVersion(FRCNN))
    if options.frcnn:
        peer.network.load_state_dict(load_file(options.frcnn))
    describe = fast_describer(options.threads)

    def described(path: Path) -> Found:
        photo = decode(path, lambda size: tuple(max(n, GLANCE) for n in detector.seen_size(size)))
        describe(photo.image)
        return find(detector, photo)

    def through(work: Callable[[Path], Found | None]) -> Method:
        return lambda paths: results(in_order(paths, work, options.workers))

    return {
        "ours": lambda paths: results(detect_files(detector, paths, options.workers)),
        "ours, described too": through(described),
        "ours, decoded in full": through(lambda path: find(detector, decode(path))),
        FRCNN: lambda paths: map(lambda path: peer.detect(np.asarray(Image.open(path).convert("RGB"))), paths),
        "decoding at our scale": through(lambda path: nothing(decode(path, detector.seen_size))),
        "decoding in full": through(lambda path: nothing(decode(path))),
    }


def nothing(_decoded: object) -> None:
    """Bare decoding finds no boxes."""


def results(told: Iterable[tuple[Path, Found | UnreadablePhoto | None]]) -> Iterator[Found | None]:
    for _, result in told:
        if isinstance(result, UnreadablePhoto):
            raise result
        yield result


def take_turns(
    methods: dict[str, Method], photos: list[BigPhoto], options: argparse.Namespace
) -> dict[str, dict[str, object]]:
    paths = [photo.path for photo in photos]
    speeds: dict[str, list[float]] = {name: [] for name in methods}
    efforts: dict[str, list[float]] = {name: [] for name in methods}
    found: dict[str, list[Found | None]] = {}
    for method in methods.values():
        list(method(paths[:2]))  # what is slow the first time only
    for _ in range(options.rounds):
        for name, method in methods.items():
            began, busy = time.perf_counter(), time.process_time()
            found[name] = list(method(paths))
            speeds[name].append(len(paths) / (time.perf_counter() - began))
            efforts[name].append(1000 * (time.process_time() - busy) / len(paths))
    told = {name: figures(name, speeds, efforts) for name in methods}
    trained = {"ours", "ours, decoded in full", *([FRCNN] if options.frcnn else [])}
    for name in trained:
        told[name]["ap50"] = average_precision([photo.boxes for photo in photos], found[name], 0.5)
    return told


def figures(name: str, speeds: dict[str, list[float]], efforts: dict[str, list[float]]) -> dict[str, object]:
    def times(other: str) -> float:
        return statistics.median(a / b for a, b in zip(speeds[name], speeds[other], strict=True))

    return {
        "images_per_second": statistics.median(speeds[name]),
        "cpu_ms_per_image": statistics.median(efforts[name]),
        "times_as_fast_as_frcnn": times(FRCNN),
        "frcnn_cpu_per_own": statistics.median(efforts[FRCNN]) / statistics.median(efforts[name]),
        "share_of_decoding_at_our_scale": times("decoding at our scale"),
        "share_of_decoding_in_full": times("decoding in full"),
    }


def soak(detector: FastDetector, paths: list[Path], options: argparse.Namespace) -> dict[str, object]:
    """Memory held, in MiB, at the start and after each quarter of the photos."""
    total = len(paths) * options.soak
    endless = itertools.islice(itertools.cycle(paths), total)
    held = [resident()]
    for done, _ in enumerate(detect_files(detector, endless, options.workers), 1):
        if done % max(total // 4, 1) == 0:
            held.append(resident())
    return {"photos": total, "resident_mib": held}


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def write(options: argparse.Namespace, detector: FastDetector, megabytes: float, methods: dict[str, object]) -> None:
    settings = {name: str(value) for name, value in vars(options).items()}
    result = {
        "benchmark": "throughput",
        "settings": settings | {"detector": detector.version, "fit": detector.settings.fit},
        "data": {"photos": options.photos, "pixels": SIZE, "mean_megabytes": megabytes, "made_from": "enlarged tiles"},
        "methods": methods,
    }
    matching.write(result, options.json)


if __name__ == "__main__":
    main()
