"""The interface described as OpenAPI 3.1, from the same list that its routes are made from."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from haulout.web.api.about import API
from haulout.web.api.endpoint import AnyEndpoint
from haulout.web.api.problems import MEDIA_TYPE, Problem

SCHEMAS = "#/components/schemas/"
ROOT = f"/api/{API}"
TEXT = (
    "What the pages show, as JSON, for reading only. Send `Authorization: Bearer TOKEN`; `haulout token make NAME` "
    "makes a token. Long lists come in pages: go on at the address in `next` until it is null. Times of photos are on "
    "the cameras' clocks, with the offset of the site's time zone; all other times are UTC."
)
Json = dict[str, Any]


def describe(endpoints: Sequence[AnyEndpoint]) -> Json:
    """Return the description of all of them."""
    answers: list[type[BaseModel]] = [*(one.answer for one in endpoints), Problem]
    names, schemas = models_json_schema(
        [(answer, "serialization") for answer in answers], ref_template=SCHEMAS + "{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Haulout", "version": version("haulout"), "description": TEXT},
        "servers": [{"url": "/"}],
        "paths": {ROOT + one.path: {"get": _operation(one, names[one.answer, "serialization"])} for one in endpoints},
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def parameters(query: type[BaseModel]) -> Iterator[Json]:
    """Give the query's parameters as OpenAPI describes them."""
    schema = query.model_json_schema()
    for name, described in schema["properties"].items() if "properties" in schema else ():
        own = {key: value for key, value in _given(described).items() if key not in ("description", "title")}
        wanted = name in schema.get("required", ())
        yield {"name": name, "in": "query", "required": wanted, "description": described["description"], "schema": own}


def _given(described: Json) -> Json:
    """A parameter is given or left out: in an address null cannot be written."""
    alternatives = [one for one in described.get("anyOf", ()) if one != {"type": "null"}]
    if not alternatives:
        return described
    rest = {key: value for key, value in described.items() if key not in ("anyOf", "default")}
    return {**rest, **alternatives[0]}


def _operation(one: AnyEndpoint, answer: Mapping[str, str]) -> Json:
    in_path = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in one.names.items()
    ]
    more = [f"The scope `{scope}` adds {text}." for scope, text in one.more.items()]
    told: Json = {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [*in_path, *parameters(one.query)],
        "responses": {"200": _response("What was asked for.", "application/json", answer), **_refusals(one)},
    }
    if more:
        told["description"] = " ".join(more)
    return told | ({"security": [{"token": [one.scope.value]}]} if one.scope else {})


def _refusals(one: AnyEndpoint) -> Json:
    statuses = [HTTPStatus.UNPROCESSABLE_ENTITY]
    if one.scope:
        statuses += [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN]
    if one.names or any(name["name"] == "site" and name["required"] for name in parameters(one.query)):
        statuses.append(HTTPStatus.NOT_FOUND)
    schema = {"$ref": f"{SCHEMAS}Problem"}
    return {str(status.value): _response(status.phrase, MEDIA_TYPE, schema) for status in sorted(statuses)}


def _response(text: str, media_type: str, schema: Mapping[str, Any]) -> Json:
    return {"description": text, "content": {media_type: {"schema": dict(schema)}}}
