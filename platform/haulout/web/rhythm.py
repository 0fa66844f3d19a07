"""Draws when in the day, and at which tide, animals were ashore."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from haulout.localisation import Language
from haulout.report import Figure
from haulout.web.charts import Chart, Point, Series, chart


def by_hour(profile: Mapping[str, Any], language: Language) -> Chart:
    """Draw the share of the day's mean at each hour on the camera's clock."""
    name = language.gettext("Animals ashore by hour; 1 is the mean of the day")
    return _profile(name, profile.get("hours", {}), lambda hour: f"{hour:g}:00")


def by_tide(profile: Mapping[str, Any], language: Language) -> Chart:
    """Draw the share of the day's mean by the height of the tide."""
    name = language.gettext("Animals ashore by the height of the tide; 1 is the mean of the day")
    metres = language.gettext("%(metres)s m")
    return _profile(name, profile.get("tides", {}), lambda height: metres % {"metres": language.number(height, 1)})


def teach(app: Flask) -> None:
    """Let templates draw profiles."""
    app.jinja_env.globals.update(by_hour=by_hour, by_tide=by_tide)


def _profile(name: str, told: Mapping[str, Any], label: Any) -> Chart:
    places = sorted((float(place), figures) for place, figures in told.items())
    points = [Point(at, label(at), Figure(value, low, high)) for at, (value, low, high) in places]
    return chart(name, [Series(name, "counted", tuple(points))])
