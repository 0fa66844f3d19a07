"""Files of a memory card that mean harm or are broken, each made in memory from a few bytes and with a name."""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import piexif
from PIL import Image

Bytes = bytes
TAKEN = r"$"
"""What is expected of a file that is taken in: it is refused for no reason at all."""
SECRETS = (b"SECRET", b"GPS", b"<script", b"<?php", b"PK\x03\x04", b"Exif")
"""What hostile files carry beside their pixels, and nobody may ever be served."""
SCRIPT = b"<script>alert('SECRET')</script>"


def photo(
    width: int = 48, height: int = 32, form: str = "JPEG", mode: str = "RGB", seed: int = 0, **how: object
) -> Bytes:
    """Return a picture of soft noise, which every format compresses a little and none to nothing."""
    channels = {"RGB": 3, "L": 1, "RGBA": 4, "CMYK": 4, "LA": 2}[mode]
    noise = np.random.default_rng(seed).integers(40, 210, (height, width, channels)).astype(np.uint8)
    return saved(Image.fromarray(noise[:, :, 0] if channels == 1 else noise, mode), form, **how)


def saved(image: Image.Image, form: str, **how: object) -> Bytes:
    target = io.BytesIO()
    image.save(target, form, **how)
    return target.getvalue()


def chunk(name: Bytes, content: Bytes) -> Bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, rows: Bytes, *, depth: int = 8, colour: int = 2, before: Bytes = b"") -> Bytes:
    """Return a PNG whose head may promise what its rows do not keep."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + before + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zeros(size: int) -> Bytes:
    """Return so many zeros, compressed a thousandfold."""
    pack = zlib.compressobj(1)
    step = 1 << 20
    return b"".join([pack.compress(bytes(min(step, size - at))) for at in range(0, size, step)] + [pack.flush()])


def in_png(*chunks: Bytes) -> Bytes:
    """Return a good PNG with chunks between its head and its pixels."""
    whole = photo(form="PNG")
    return whole[:33] + b"".join(chunks) + whole[33:]


def segment(marker: int, content: Bytes) -> Bytes:
    """Return a segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def in_jpeg(*segments: Bytes, whole: Bytes | None = None) -> Bytes:
    """Return a good JPEG with segments right after its beginning."""
    whole = whole or photo()
    return whole[:2] + b"".join(segments) + whole[2:]


def frame_of(width: int, height: int) -> Bytes:
    """Return a JPEG whose head claims other sides than it has."""
    whole = bytearray(photo())
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(whole)


def exif(**parts: object) -> Bytes:
    return photo(exif=piexif.dump(parts))


def tiff(entries: Bytes, count: int, following: int = 0) -> Bytes:
    """Return an EXIF segment's TIFF with one folder of `count` entries as given."""
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + struct.pack("<I", following)


def entry(tag: int, kind: int, count: int, value: int) -> Bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def app1(content: Bytes) -> Bytes:
    return in_jpeg(segment(0xE1, b"Exif\0\0" + content))


def zipped(**members: Bytes) -> Bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return target.getvalue()


def evil_zip(name: str, content: Bytes = SCRIPT) -> Bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return target.getvalue()


def webp(*chunks: tuple[Bytes, Bytes]) -> Bytes:
    body = b"".join(name + struct.pack("<I", len(c)) + c + b"\0" * (len(c) % 2) for name, c in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def animated(form: str, frames: int = 4) -> Bytes:
    images = [Image.new("RGB", (40, 30), (number * 50, 90, 60)) for number in range(frames)]
    return saved(images[0], form, save_all=True, append_images=images[1:])


def progressive_bomb(scans: int) -> Bytes:
    """Return a progressive JPEG with its last scan repeated: each is decoded over the whole picture again."""
    whole = photo(256, 256, progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + whole[-2:]


DAMAGED = r"is (damaged or truncated|no JPEG, PNG or WebP picture)|could not be decoded"
EMPTY, BOMB = r"is empty", r"pixels, more than the \d+ million"
NO_PICTURE = r"is no JPEG, PNG or WebP picture"
EITHER = rf"({DAMAGED}|{BOMB}|needs more memory)?$"
"""For what a decoder may take or leave, and which of both its next version does nobody should care about."""


def pictures() -> Iterator[tuple[str, str, Bytes, str]]:
    """Yield a name, the file's name on the card, its bytes, and the reason expected, or TAKEN."""
    yield from _broken()
    yield from bombs()
    yield from _polyglots()
    yield from _odd_but_good()
    yield from _metadata()
    yield from _names()
    yield from _archives()


def _broken() -> Iterator[tuple[str, str, Bytes, str]]:
    yield "an empty file", "empty.jpg", b"", EMPTY
    yield "one byte", "one.jpg", b"\xff", DAMAGED
    yield "zeros only", "zeros.jpg", bytes(4096), NO_PICTURE
    yield "noise", "noise.png", np.random.default_rng(3).bytes(4096), NO_PICTURE
    yield "text", "text.jpg", b"I am a photo, honestly.\n" * 50, NO_PICTURE
    for form in ("JPEG", "PNG", "WEBP"):
        whole = photo(form=form)
        for share in (1, 5, 25, 50, 75, 90, 99):
            cut = whole[: max(len(whole) * share // 100, 1)]
            yield f"{form} cut to {share} %", f"cut-{form}-{share}.{form.lower()}", cut, DAMAGED
    whole = photo(200, 150)
    half = whole[: len(whole) // 2]
    yield "a JPEG whose second half is zeros", "half.jpg", half + bytes(len(half)), EITHER
    yield "a JPEG without Huffman tables", "huffman.jpg", whole.replace(b"\xff\xc4", b"\xff\xfe"), TAKEN
    yield "a JPEG without quantisation", "quant.jpg", whole.replace(b"\xff\xdb", b"\xff\xfe"), DAMAGED
    yield "a JPEG that only begins", "begins.jpg", b"\xff\xd8\xff", DAMAGED
    yield "a JPEG of beginnings", "soi.jpg", b"\xff\xd8" * 5000, DAMAGED
    good = photo(form="PNG")
    flipped = bytearray(good)
    flipped[45] ^= 0xFF
    yield "a PNG with a wrong checksum", "crc.png", bytes(flipped), DAMAGED
    yield "a PNG without pixels", "hollow.png", good[:33] + chunk(b"IEND", b""), DAMAGED
    yield "a PNG whose rows are short", "short.png", png(64, 64, zlib.compress(bytes(100))), DAMAGED
    yield "a PNG of bad deflate", "deflate.png", png(8, 8, b"\x78\x9c\xff\xff\xff"), DAMAGED
    yield "a PNG of no width", "flat.png", png(0, 5, zlib.compress(b"")), DAMAGED
    yield "a PNG of depth 3", "depth.png", png(8, 8, zeros(200), depth=3), DAMAGED
    yield "a palette PNG without palette", "palette.png", png(8, 8, zeros(72), colour=3), EITHER
    yield "a PNG with a negative chunk", "chunk.png", good[:33] + struct.pack(">I", 0xFFFFFFF0) + b"tEXt", DAMAGED
    yield "a WebP of nothing", "nothing.webp", webp(), DAMAGED
    yield "a WebP that promises 4 GB", "promise.webp", b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff", DAMAGED
    head = b"\0\0\0\0" + struct.pack("<I", 16382)[:3] * 2
    yield "an extended WebP without a frame", "frameless.webp", webp((b"VP8X", head)), DAMAGED


@cache
def bombs() -> tuple[tuple[str, str, Bytes, str], ...]:
    """Yield what means to fill the memory, and the largest pictures that are taken."""
    return tuple(_bombs())


def _bombs() -> Iterator[tuple[str, str, Bytes, str]]:
    yield "a PNG of 2.5 thousand million pixels", "bomb1.png", png(50_000, 50_000, zeros(1 << 20)), BOMB
    yield "a PNG as wide as can be", "bomb2.png", png(2**31 - 1, 1, zeros(1000)), BOMB
    yield "a PNG as high as can be", "bomb3.png", png(1, 2**31 - 1, zeros(1000)), BOMB
    yield "a JPEG head of 65,500 a side", "bomb4.jpg", frame_of(65_500, 65_500), BOMB
    yield "a small JPEG that says 12,000 a side", "bomb5.jpg", frame_of(12_000, 12_000), "so empty"
    yield "a PNG just above the limit", "bomb6.png", png(17_600, 10_000, zeros(1 << 20)), BOMB
    yield "the largest PNG there may be", "bomb7.png", png(8_000, 6_000, zeros(6_000 * 24_001)), EITHER
    yield "the largest 16-bit PNG", "bomb8.png", png(8_000, 6_000, zeros(6_000 * 16_001), depth=16, colour=0), EITHER
    yield "the largest RGBA PNG", "bomb9.png", png(8_000, 6_000, zeros(6_000 * 32_001), colour=6), EITHER
    yield "an RGBA PNG of 100 MP", "bomb10.png", png(10_000, 10_000, zeros(1 << 20), colour=6), BOMB
    large = saved(Image.new("CMYK", (8_000, 6_000), (9, 9, 9, 9)), "JPEG", progressive=True, subsampling=0)
    yield "the largest progressive JPEG", "bomb11.jpg", large, TAKEN
    yield "a plain JPEG of 150 MP", "bomb12.jpg", saved(Image.new("L", (15_000, 10_000), 9), "JPEG"), TAKEN
    yield "the largest WebP", "bomb13.webp", _large_webp(6_000, 4_000), TAKEN
    yield "a WebP above its limit", "bomb14.webp", _large_webp(6_100, 4_000), BOMB
    big = chunk(b"zTXt", b"Comment\0\0" + zeros(64 << 20))
    yield "a comment of 64 MB", "comment.png", in_png(big), EITHER
    yield (
        "a hundred comments of 1 MB",
        "comments.png",
        in_png(*[chunk(b"zTXt", b"C\0\0" + zeros(1 << 20))] * 100),
        EITHER,
    )
    yield "a profile of 32 MB", "profile.png", in_png(chunk(b"iCCP", b"p\0\0" + zeros(32 << 20))), EITHER
    yield "a translated text of 32 MB", "itxt.png", in_png(chunk(b"iTXt", b"k\0\1\0\0\0" + zeros(32 << 20))), EITHER
    yield "60,000 empty chunks", "chunks.png", in_png(chunk(b"tEXt", b"a\0b") * 60_000), EITHER
    profile = b"".join(segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 255]) + bytes(60_000)) for n in range(1, 256))
    yield "a profile of 15 MB in a JPEG", "profile.jpg", in_jpeg(profile), EITHER
    yield "a progressive JPEG of 2,000 scans", "scans.jpg", progressive_bomb(2000), EITHER
    yield "a JPEG with 100,000 restart marks", "restart.jpg", photo()[:-2] + b"\xff\xd0" * 100_000 + b"\xff\xd9", EITHER
    yield "a JPEG of much padding", "padding.jpg", in_jpeg(b"\xff" * (1 << 19)), EITHER
    yield "a WebP of 16,383 a side", "wide.webp", saved(Image.new("RGB", (16_383, 400)), "WEBP", quality=1), EITHER
    yield "a WebP of 200 frames", "frames.webp", animated("WEBP", 200), EITHER


def _large_webp(width: int, height: int) -> Bytes:
    noise = np.random.default_rng(1).integers(0, 256, (60, 40, 4)).astype(np.uint8)
    return saved(
        Image.fromarray(noise, "RGBA").resize((width, height), Image.Resampling.NEAREST), "WEBP", quality=0, method=0
    )


def _polyglots() -> Iterator[tuple[str, str, Bytes, str]]:
    whole, plain = photo(), photo(form="PNG")
    yield "a JPEG with a page behind", "page.jpg", whole + b"<html>" + SCRIPT, TAKEN
    yield "a JPEG with a page in its comment", "comment.jpg", in_jpeg(segment(0xFE, SCRIPT)), TAKEN
    yield "a JPEG that is a PHP program too", "shell.php.jpg", in_jpeg(segment(0xFE, b"<?php system('id'); ?>")), TAKEN
    yield "a JPEG with a zip behind", "zip.jpg", whole + zipped(a=SCRIPT), TAKEN
    yield "a JPEG with another behind", "two.jpg", whole + photo(seed=2), TAKEN
    yield "a PNG with a zip behind", "zip.png", plain + zipped(a=SCRIPT), TAKEN
    yield "a PNG with a page in a chunk", "page.png", in_png(chunk(b"tEXt", b"Comment\0" + SCRIPT)), TAKEN
    yield "a WebP with a page in its XMP", "page.webp", photo(form="WEBP", xmp=SCRIPT), TAKEN
    yield (
        "a JPEG with XMP of entities",
        "xmp.jpg",
        in_jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _LAUGHS)),
        TAKEN,
    )
    yield "a page called a photo", "page-only.jpg", b"<html><body>" + SCRIPT, NO_PICTURE
    yield "an SVG called a photo", "svg-inside.jpg", _SVG, NO_PICTURE
    yield "an SVG", "drawing.svg", _SVG, "is a .svg picture"
    yield "an SVG of laughs", "laughs.svg", _LAUGHS, "is a .svg picture"
    yield "a GIF called a photo", "gif.jpg", saved(Image.new("L", (9, 9)), "GIF"), NO_PICTURE
    yield "a TIFF called a photo", "tiff.jpg", saved(Image.new("RGB", (9, 9)), "TIFF"), NO_PICTURE
    yield "a BMP called a photo", "bmp.png", saved(Image.new("RGB", (9, 9)), "BMP"), NO_PICTURE
    yield "an icon called a photo", "ico.png", saved(Image.new("RGB", (16, 16)), "ICO"), NO_PICTURE
    yield "a PDF called a photo", "pdf.jpg", b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>endobj", NO_PICTURE
    yield "PostScript called a photo", "eps.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", NO_PICTURE
    yield "a program called a photo", "elf.jpg", b"\x7fELF\x02\x01\x01" + bytes(200), NO_PICTURE
    yield "a pickle called a photo", "pickle.png", b"cos\nsystem\n(S'touch SECRET'\ntR.", NO_PICTURE
    yield "a zip called a photo", "zip-only.jpg", zipped(a=SCRIPT), NO_PICTURE
    yield "a JPEG called PNG", "liar.png", whole, TAKEN
    yield "a PNG called JPEG", "liar.jpg", plain, TAKEN
    yield "a WebP called JPEG", "liar.jpeg", photo(form="WEBP"), TAKEN


def _odd_but_good() -> Iterator[tuple[str, str, Bytes, str]]:
    yield "one pixel", "pixel.png", photo(1, 1, "PNG"), TAKEN
    yield "one column", "column.jpg", photo(1, 900), TAKEN
    yield "a CMYK JPEG", "cmyk.jpg", photo(mode="CMYK", seed=4), TAKEN
    yield "a grey JPEG", "grey.jpg", photo(mode="L", seed=5), TAKEN
    yield "a progressive JPEG", "progressive.jpg", photo(seed=6, progressive=True), TAKEN
    yield "a PNG with alpha", "alpha.png", photo(form="PNG", mode="RGBA", seed=7), TAKEN
    yield "a grey PNG with alpha", "grey-alpha.png", photo(form="PNG", mode="LA", seed=8), TAKEN
    deep = np.arange(48 * 32, dtype=np.uint16).reshape(32, 48) * 40
    yield "a 16-bit PNG", "deep.png", saved(Image.fromarray(deep), "PNG"), TAKEN
    yield "a palette PNG", "palette-good.png", saved(Image.new("P", (30, 20), 3), "PNG"), TAKEN
    yield "a black-and-white PNG", "bits.png", saved(Image.new("1", (30, 20), 1), "PNG"), TAKEN
    yield "an animated PNG", "moves.png", animated("PNG"), TAKEN
    yield "an animated WebP", "moves.webp", animated("WEBP"), TAKEN
    yield "an MPO of two pictures", "mpo.jpg", animated("MPO"), TAKEN
    yield "a lossless WebP", "lossless.webp", photo(form="WEBP", lossless=True, seed=9), TAKEN
    yield "a WebP with alpha", "alpha.webp", photo(form="WEBP", mode="RGBA", seed=10), TAKEN
    for turn in (0, 2, 6, 8, 9, 255):
        said = Image.Exif()
        said[0x0112] = turn
        yield f"orientation {turn}", f"turned-{turn}.jpg", photo(seed=20 + turn, exif=said), TAKEN


def _metadata() -> Iterator[tuple[str, str, Bytes, str]]:
    gps = {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSMapDatum: b"SECRET 71.5"}
    yield "EXIF with coordinates", "gps.jpg", exif(GPS=gps), TAKEN
    serial = {"Exif": {piexif.ExifIFD.BodySerialNumber: b"A\0SECRET\0"}}
    yield "EXIF with NUL in a text", "nul.jpg", exif(**serial), TAKEN
    serial = {"Exif": {piexif.ExifIFD.BodySerialNumber: b"\xff\xfe\x80 \xd8\x00"}}
    yield "EXIF of no text at all", "bytes.jpg", exif(**serial), TAKEN
    serial = {"Exif": {piexif.ExifIFD.BodySerialNumber: SCRIPT * 900}}
    yield "EXIF with an endless serial number", "endless.jpg", exif(**serial), TAKEN
    for name, when in {
        "of no date": b"0000:00:00 00:00:00",
        "of month 99": b"2031:99:01 12:00:00",
        "of the year 9999": b"9999:12:31 23:59:59",
        "of a word": b"yesterday evening",
        "of spaces": b"    :  :     :  :  ",
    }.items():
        dated = {piexif.ExifIFD.DateTimeOriginal: when, piexif.ExifIFD.SubSecTimeOriginal: b"99999999999999"}
        yield f"EXIF {name}", f"date-{name[3:]}.jpg".replace(" ", "-"), exif(Exif=dated), TAKEN
    yield "an EXIF folder that follows itself", "loop.jpg", app1(tiff(b"", 0, following=8)), EITHER
    yield "an EXIF folder within itself", "within.jpg", app1(tiff(entry(0x8769, 4, 1, 8), 1)), EITHER
    yield "65,535 EXIF entries that are not there", "many.jpg", app1(tiff(b"", 65_535)), EITHER
    yield "an EXIF text of 4 GB", "text4g.jpg", app1(tiff(entry(0x0110, 2, 0xFFFFFFFF, 8), 1)), EITHER
    yield "an EXIF number of 4 GB of doubles", "doubles.jpg", app1(tiff(entry(0x0110, 12, 0xFFFFFFF0, 8), 1)), EITHER
    yield "an EXIF offset behind the end", "offset.jpg", app1(tiff(entry(0x8769, 4, 1, 0x7FFFFFFF), 1)), EITHER
    yield "an EXIF type that is none", "type.jpg", app1(tiff(entry(0x0110, 99, 3, 0), 1)), EITHER
    yield "an orientation that is a text", "text-turn.jpg", app1(tiff(entry(0x0112, 2, 4, 0x41414141), 1)), EITHER
    yield "an orientation of three numbers", "three-turns.jpg", app1(tiff(entry(0x0112, 3, 3, 8), 1)), EITHER
    yield "an orientation divided by zero", "zero-turn.jpg", app1(tiff(entry(0x0112, 5, 1, 26), 1) + bytes(8)), EITHER
    yield "EXIF that is no TIFF", "no-tiff.jpg", app1(b"XX*\0" + bytes(40)), EITHER
    yield "EXIF of the other byte order", "motorola.jpg", app1(b"MM\0*\0\0\0\x08\xff\xff" + bytes(40)), EITHER
    yield "an empty EXIF segment", "empty-exif.jpg", app1(b""), EITHER
    yield "EXIF in a PNG, cut", "cut-exif.png", in_png(chunk(b"eXIf", b"II*\0\x08")), EITHER
    yield "EXIF in a WebP, looping", "loop.webp", photo(form="WEBP", exif=tiff(b"", 0, following=8), seed=11), EITHER
    yield "a JPEG segment longer than the file", "segment.jpg", b"\xff\xd8\xff\xe1\xff\xff" + bytes(20), DAMAGED
    yield "an MPO index that points nowhere", "index.jpg", in_jpeg(segment(0xE2, b"MPF\0II*\0\xff\xff\xff\x7f")), EITHER
    yield (
        "a Photoshop block of wrong length",
        "8bim.jpg",
        in_jpeg(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff")),
        EITHER,
    )


def _names() -> Iterator[tuple[str, str, Bytes, str]]:
    for number, (what, name) in enumerate(
        {
            "a name with a line break": "a\nb.jpg",
            "a name with an escape sequence": "\x1b[31mred\x1b[0m.jpg",
            "a name from right to left": "photo\u202egpj.exe.jpg",
            "a name of markup": "<img src=x onerror=alert(1)>.jpg",
            "a name of SQL": "'; DROP TABLE photo; --.jpg",
            "a name of a formula": "=cmd|' -C calc'!A0.jpg",
            "a name of a template": "{{7*7}}%s%n${HOME}.jpg",
            "a name of dots and backslashes": "up..\\..\\evil.jpg",
            "a name of encoded dots": "%2e%2e%2fevil.jpg",
            "a name in bytes of no text": os.fsdecode(b"\xff\xfe\x80.jpg"),
            "a name of half a character": os.fsdecode(b"\xed\xa0\x80.jpg"),
            "a name as long as may be": "n" * 251 + ".jpg",
            "a name of spaces": "   .jpg",
            "a name of a device": "CON.jpg",
            "a name with a quote": "a\"b'c`d.jpg",
        }.items()
    ):
        yield what, name, photo(seed=100 + number), TAKEN
    yield "a suffix of capitals", "LOUD.JPG", photo(seed=130), TAKEN
    yield "a name of a suffix only", ".jpg", photo(seed=131), "hidden"
    yield "a name without a suffix", "photo", photo(seed=132), "is no photo by its name"
    yield "a name of two suffixes", "photo.jpg.exe", photo(seed=133), "is no photo by its name"
    yield "a video", "film.mp4", bytes(100), "is a video"


def _archives() -> Iterator[tuple[str, str, Bytes, str]]:
    passed = "is no photo by its name"
    yield "a zip of a photo", "season.zip", zipped(a__jpg=photo()), passed
    yield "a zip that climbs", "climbs.zip", evil_zip("../../evil.jpg"), passed
    yield "a zip with an absolute path", "absolute.zip", evil_zip("/tmp/haulout-evil.jpg"), passed
    yield "a zip with backslashes", "backslash.zip", evil_zip("..\\..\\evil.jpg"), passed
    yield "a zip bomb", "bomb.zip", zipped(zeros=bytes(4 << 20)), passed
    yield "a zip in a zip", "nested.zip", zipped(inner__zip=zipped(a=bytes(1 << 20))), passed
    yield "a zip cut in two", "cut.zip", zipped(a=SCRIPT)[:40], passed
    yield "a tar that climbs", "climbs.tar", b"../../evil.jpg".ljust(512, b"\0") + bytes(1024), passed
    yield "a gzip bomb", "bomb.gz", zlib.compress(bytes(4 << 20), 9), passed
    yield "a 7z", "season.7z", b"7z\xbc\xaf\x27\x1c" + bytes(40), passed
    yield "a rar", "season.rar", b"Rar!\x1a\x07\x01\0" + bytes(40), passed


_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert("SECRET")</script></svg>'
_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">'
    + b"".join(f'<!ENTITY {b} "{10 * f"&{a};"}">'.encode() for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + b'<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&i;&x;</l>'
)


def lay_out(card: Path) -> dict[str, tuple[str, str]]:
    """Write the card; return, by each file's name, what it is called here and the reason expected."""
    told = {}
    for what, name, content, expected in pictures():
        (card / name).write_bytes(content)
        told[name] = (what, expected)
    for make, what, name, expected in _SPECIAL:
        make(card / name)
        told[name] = (what, expected)
    return told


def _link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def _folder(path: Path) -> None:
    path.mkdir()


_SPECIAL = (
    (_link_to("/etc/passwd"), "a link to a secret", "passwd.jpg", "is a link"),
    (_link_to("link.jpg"), "a link to itself", "link.jpg", "is a link"),
    (_link_to("/"), "a link to the root", "root.jpg", "hidden"),
    (_link_to("/dev/zero"), "a link to a device", "device.jpg", "is a link"),
    (os.mkfifo, "a pipe", "pipe.jpg", "is no ordinary file"),
    (_folder, "a folder called a photo", "folder.jpg", "hidden"),
)
