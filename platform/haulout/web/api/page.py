"""The page /api: the description of the interface, for people."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, render_template

from haulout.web.api.addresses import ENDPOINTS
from haulout.web.api.description import ROOT, Json
from haulout.web.api.endpoint import AnyEndpoint
from haulout.web.api.routes import description
from haulout.web.here import here

blueprint = Blueprint("api_page", __name__)
REFERENCE = re.compile(r"#/components/schemas/(.+)")


@dataclass(frozen=True)
class Told:
    """One address as the page tells it."""

    endpoint: AnyEndpoint
    address: str
    parameters: tuple[Json, ...]
    answer: str
    """How the answer looks: each field's name with its type for a value."""
    example: str
    """A command that asks it."""


@blueprint.get("/api")
def api() -> str:
    """Show how programs read this Haulout."""
    return render_template("api.html", endpoints=tuple(_told()))


def _told() -> Iterator[Told]:
    described = description()
    for one in ENDPOINTS:
        address = ROOT + one.path
        operation = described["paths"][address]["get"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        shape = json.dumps(_shape(schema, described["components"]["schemas"]), indent=2, ensure_ascii=False)
        needed = [each for each in operation["parameters"] if each["required"] and each["in"] == "query"]
        yield Told(one, address, tuple(operation["parameters"]), shape, _example(one, address, needed))


def _example(one: AnyEndpoint, address: str, needed: Sequence[Json]) -> str:
    settings = here().services.settings
    given = {parameter["name"]: settings.site for parameter in needed} | dict(one.example)
    query = f"?{urlencode(given)}" if given else ""
    return f'curl -H "Authorization: Bearer $TOKEN" "{settings.pages}{address}{query}"'


def _shape(schema: Json, schemas: Json) -> object:
    """Return a value of this schema with the names of types in the place of values."""
    if found := REFERENCE.fullmatch(schema.get("$ref", "")):
        return _shape(schemas[found[1]], schemas)
    if "properties" in schema:
        return {name: _shape(part, schemas) for name, part in schema["properties"].items()}
    if "anyOf" in schema:
        first, *_ = (part for part in schema["anyOf"] if part.get("type") != "null")
        shape = _shape(first, schemas)
        return f"{shape} | null" if isinstance(shape, str) else shape
    if "prefixItems" in schema:
        return [_shape(part, schemas) for part in schema["prefixItems"]]
    if schema.get("type") == "array":
        return [_shape(schema["items"], schemas)]
    if isinstance(more := schema.get("additionalProperties"), dict):
        return {"…": _shape(more, schemas)}
    return str(schema.get("format") or schema.get("type", "value"))
