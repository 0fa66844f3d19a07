"""Times headless Chromium for `browsing.py`: how long a photo's boxes take to be drawn, and to be hidden and shown."""

import shutil
import statistics
from typing import Any

from playwright.sync_api import Page, sync_playwright

PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
"""Milliseconds since the navigation began, once a frame with all that was asked for is on the screen."""
TOGGLED = f"""async name => {{
  const box = document.getElementById(name), before = performance.now();
  box.click();
  return await ({PAINTED})() - before;
}}"""
TIMES = 5


def drawn(address: str, token: str) -> dict[str, Any]:
    """Return milliseconds: until drawn, from nothing and when looked at before, and for each layer until switched."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "haulout", "value": token, "url": address}])
        page = context.new_page()
        first, again = _until_drawn(page, address), [_until_drawn(page, address) for _ in range(TIMES)]
        boxes = page.locator(".viewer input[type=checkbox]")
        names = [boxes.nth(n).get_attribute("id") or "" for n in range(boxes.count())]
        layers = {name: _switched(page, name) for name in names}
        chromium.close()
    return {"first_ms": round(first), "again_ms": round(statistics.median(again)), "switched_ms": layers}


def _until_drawn(page: Page, address: str) -> float:
    page.goto(address, wait_until="load")
    return float(page.evaluate(PAINTED))


def _switched(page: Page, name: str) -> float:
    return round(max(page.evaluate(TOGGLED, name) for _ in range(2 * TIMES)))
