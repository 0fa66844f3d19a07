"""Whatever is asked of any page, by anybody, nothing breaks: every address of the URL map is asked by Schemathesis."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from haulout.accounts import Role
from haulout.services import Services
from haulout.testing import enter

FEW = settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ANYTHING: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_question_to_any_address_breaks_it(season, app, role, mode) -> None:
    schema = schemathesis.openapi.from_dict(described(app))
    schema.app = app
    answers: dict[str, set[int]] = {}
    for operation in (found.ok() for found in schema.get_all_operations()):
        cases = operation.as_strategy(generation_mode=mode)
        answers[operation.label] = ask_some(cases, cookies_of(season.services, role))

    assert len(answers) == len(list(addresses(app))) > 30
    assert answers["GET /photos"] == ({200} if role in (Role.EXPERT, Role.OPERATOR) else {302} if not role else {403})


def cookies_of(services: Services, role: Role | None) -> dict[str, str]:
    """Return what a browser keeps in which somebody just signed in: some addresses sign out."""
    return {"haulout": enter(services, role)[1]} if role else {}


def ask_some(cases: Any, cookies: dict[str, str]) -> set[int]:
    """Ask some questions of one address; return the statuses of the answers."""
    statuses: set[int] = set()

    @FEW
    @given(case=cases)
    def ask(case) -> None:
        headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        answer = case.call_and_validate(headers=headers, cookies=cookies, checks=[not_a_server_error])
        statuses.add(answer.status_code)

    ask()
    return statuses


def described(app: Any) -> dict[str, Any]:
    """Describe every address that the application knows, but the programming interface's, which describes itself."""
    paths: dict[str, Any] = {}
    for path, method, names in addresses(app):
        operation: dict[str, Any] = {"responses": {"200": {"description": "anything"}}}
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in names
        ] + [
            {"name": name, "in": "query", "schema": {"type": "string"}}
            for name in ("page", "after", "before", "camera", "day", "language", "then", "year")
        ]
        if method == "post":
            kinds = ("application/x-www-form-urlencoded", "application/json")
            operation["requestBody"] = {"content": {kind: {"schema": ANYTHING} for kind in kinds}}
        paths.setdefault(path, {})[method] = operation
    return {"openapi": "3.1.0", "info": {"title": "pages", "version": "1"}, "paths": paths}


def addresses(app: Any) -> Iterator[tuple[str, str, list[str]]]:
    """Yield path, method and the names within the path."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("api."):
            continue
        path = "".join(f"{{{part}}}" if dynamic else part for dynamic, part in rule._trace).split("|", 1)[1]
        for method in sorted(rule.methods & {"GET", "POST"}):
            yield path, method.lower(), sorted(rule.arguments)
