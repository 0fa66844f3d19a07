# ruff: noqa: INP001 - a folder of programs to copy from, not a package
"""Draws the occupancy curve of one site from Haulout's interface for programs; read it from top to bottom.

    export HAULOUT_TOKEN=$(haulout token make curve)
    python platform/examples/occupancy_curve.py --site "Matveyev Island" --from 2026-07-01 --out curve.png

The cells (`# %%`) run one by one in Jupyter, VS Code or Spyder too, with the defaults below.
"""

# %% What is asked for
import argparse
import os
from collections.abc import Iterator
from typing import Any

import httpx
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

wishes = argparse.ArgumentParser(description="Draw the occupancy curve of one site.")
wishes.add_argument("--address", default="http://127.0.0.1:8300", help="where the pages are")
wishes.add_argument("--site", default="Matveyev Island")
wishes.add_argument("--from", dest="first", help="the first day, as in 2026-07-01")
wishes.add_argument("--to", dest="last", help="the last day")
wishes.add_argument("--out", default="occupancy.png", help="the picture to write")
wish, _ = wishes.parse_known_args()
token = os.environ.get("HAULOUT_TOKEN")  # not an argument: everybody on a machine sees those
if not token:
    raise SystemExit("Set HAULOUT_TOKEN to what `haulout token make curve` prints.")


# %% Reading a list to its end: every answer names the address of the next page
def read(what: str, **parameters: str | None) -> Iterator[dict[str, Any]]:
    """Give the items of all pages."""
    given = {name: value for name, value in parameters.items() if value}
    with httpx.Client(base_url=wish.address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        address = f"/api/v1/{what}?{httpx.QueryParams(given)}"
        while address:
            answer = client.get(address)
            if answer.is_error:
                raise SystemExit(f"{address}: {answer.json()['detail']}")
            yield from answer.json()["items"]
            address = answer.json()["next"]


# %% The days, one row each; days without photos, or on which nobody could see, become gaps
days = pd.DataFrame(read("occupancy", site=wish.site, limit="500", **{"from": wish.first, "to": wish.last}))
if days.empty:
    raise SystemExit(f"No days of {wish.site!r} are told yet. `haulout run` tells them.")
days["day"] = pd.to_datetime(days["day"])
days = days.set_index("day").sort_index().asfreq("D")
unseen = days["visible"].fillna(0) == 0
curve = days[["maximum", "maximum_low", "maximum_high"]].astype(float).mask(unseen)
events = [
    event
    for event in read("events", site=wish.site)
    if pd.Timestamp(event["departure"]) >= days.index[0] and pd.Timestamp(event["arrival"]) <= days.index[-1]
]

# %% The picture: line, band, grey gaps, and the days of arrival and departure
figure, axes = plt.subplots(figsize=(10, 4.5), layout="constrained")
half = pd.Timedelta(hours=12)
for number, day in enumerate(days.index[unseen]):
    axes.axvspan(day - half, day + half, color="0.88", linewidth=0, label="nobody could see" if number == 0 else None)
axes.fill_between(
    curve.index,
    curve["maximum_low"].to_numpy(),
    curve["maximum_high"].to_numpy(),
    color="#0b5c7a",
    alpha=0.25,
    linewidth=0,
    label="95 % interval",
)
axes.plot(curve.index, curve["maximum"], color="#0b5c7a", marker="o", markersize=3, label="most animals at once")
for number, event in enumerate(events):
    for name, style in (("arrival", "--"), ("departure", ":")):
        if event[f"{name}_open"]:  # animals were there when the photos began, or when they ended: nobody knows the day
            continue
        label = name if number == 0 else None
        axes.axvline(pd.Timestamp(event[name]), color="#d5590a", linestyle=style, linewidth=1.5, label=label)
axes.set(title=wish.site, ylabel="animals", ylim=(0, None), xlim=(days.index[0] - half, days.index[-1] + half))
axes.spines[["top", "right"]].set_visible(False)
axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
figure.autofmt_xdate()
figure.savefig(wish.out, dpi=150)
