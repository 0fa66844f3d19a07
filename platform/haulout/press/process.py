"""The process that prints: HTML comes in, a PDF goes out, and nothing is fetched but fonts and what the page embeds."""

import resource
import sys
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import plutoprint

MEMORY = 4 << 30
FONTS = "fonts:"
"""Begins the address under which style sheets ask for a font, as in fonts:DejaVuSans.ttf."""


class Offline(plutoprint.ResourceFetcher):
    """Gives the fonts that come with matplotlib, which has Cyrillic too, and refuses the disk and the network."""

    def fetch_url(self, url: str) -> plutoprint.ResourceData:
        """Return the bytes behind a data: or fonts: address; FileNotFoundError for every other one."""
        if url.startswith("data:"):
            return plutoprint.default_resource_fetcher.fetch_url(url)
        if url.startswith(FONTS):
            return plutoprint.ResourceData((_fonts() / Path(url.removeprefix(FONTS)).name).read_bytes(), "font/ttf")
        raise FileNotFoundError(url)


def main() -> None:
    """Print what comes in."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    page, printed = sys.stdin.buffer.read().decode("utf-8"), BytesIO()
    book = plutoprint.Book(plutoprint.PAGE_SIZE_A4, plutoprint.PAGE_MARGINS_NORMAL, plutoprint.MEDIA_TYPE_PRINT)
    book.custom_resource_fetcher = Offline()
    book.load_html(page)
    book.write_to_pdf_stream(printed)
    sys.stdout.buffer.write(printed.getvalue())


def _fonts() -> Path:
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise FileNotFoundError("matplotlib, whose fonts the PDF is set in, is not installed")
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


if __name__ == "__main__":
    main()
