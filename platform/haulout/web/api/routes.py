"""Puts the addresses into the application; one that declares no scope is closed to everybody."""

from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from haulout.db import reading
from haulout.tokens import Scope
from haulout.web.api.access import admit, admitted
from haulout.web.api.addresses import ENDPOINTS
from haulout.web.api.description import ROOT, Json, describe
from haulout.web.api.endpoint import AnyEndpoint, Asked
from haulout.web.api.problems import Wrong, absent, refuse
from haulout.web.here import here

blueprint = Blueprint("api", __name__, url_prefix=ROOT)
SCOPES: Mapping[str, Scope | None] = {f"api.{one.name}": one.scope for one in ENDPOINTS} | {"api.openapi": None}
"""What a token must open for each route; None answers everybody."""


@blueprint.before_request
def _admit() -> None:
    name = request.endpoint or ""
    if name not in SCOPES:
        absent("address like this")
    g.scopes = admit(SCOPES[name])


@blueprint.after_request
def _kept_by_nobody(response: Response) -> Response:
    """What a token opened is stored nowhere on its way."""
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Authorization")
    return response


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Describe the interface, to everybody."""
    _checked(ENDPOINTS[0].query)
    return jsonify(description())


@cache
def description() -> Json:
    """Return the description of this interface."""
    return describe(ENDPOINTS)


def _route(endpoint: AnyEndpoint) -> Callable[..., Response]:
    def view(**names: str) -> Response:
        query = _checked(endpoint.query)
        services, scopes = here().services, admitted()
        with reading(services.database) as session:
            asked = Asked(session, services, scopes, query, names, request.path, request.args.to_dict())
            told = endpoint.read(asked)
        return Response(told.model_dump_json(), mimetype="application/json")

    return view


for one in ENDPOINTS:
    rule = one.path.replace("{", "<").replace("}", ">")
    blueprint.add_url_rule(rule, one.name, _route(one), methods=["GET"])


def _checked(query: type[BaseModel]) -> Any:
    """Return the parameters of this request; what cannot be used breaks it off, all of it named at once."""
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    wrong = [Wrong(parameter=name, reason="is given twice") for name in twice]
    try:
        checked = query.model_validate(request.args.to_dict())
    except ValidationError as error:
        wrong += [_wrong(query, one) for one in error.errors(include_url=False, include_input=False)]
    if wrong:
        detail = "; ".join(f"{one.parameter} {one.reason}" for one in wrong)
        refuse(HTTPStatus.UNPROCESSABLE_ENTITY, detail, wrong)
    return checked


def _wrong(query: type[BaseModel], error: ErrorDetails) -> Wrong:
    name = str(error["loc"][0] if error["loc"] else error.get("ctx", {}).get("parameter", ""))
    if error["type"] == "extra_forbidden":
        known = ", ".join(field.alias or name for name, field in query.model_fields.items()) or "none"
        return Wrong(parameter=name, reason=f"is no parameter of this address; it has {known}")
    if error["type"] == "missing":
        return Wrong(parameter=name, reason="must be given")
    return Wrong(parameter=name, reason=error["msg"][:1].lower() + error["msg"][1:])
