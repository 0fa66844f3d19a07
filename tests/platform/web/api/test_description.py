"""The description is valid OpenAPI, holds for every answer, and bad questions are answered with what is wrong."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode

from haulout.web.api.addresses import ENDPOINTS

PROBLEM = "application/problem+json"
FEW = settings(
    max_examples=4,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_the_description_is_valid_open_api_and_asks_nobody_for_a_token(interface) -> None:
    described = interface.test_client().get("/api/v1/openapi.json").json

    OpenAPIV31SpecValidator(described).validate()
    assert len(described["paths"]) == len(ENDPOINTS)
    for path, operations in described["paths"].items():
        (operation,) = operations.values()
        assert operation["security"] and operation["summary"], path
        assert all(parameter["description"] for parameter in operation["parameters"]), path
        assert all(PROBLEM in one["content"] for code, one in operation["responses"].items() if code != "200")


def test_every_field_of_an_answer_is_described_where_its_class_has_a_text(interface) -> None:
    schemas = interface.test_client().get("/api/v1/openapi.json").json["components"]["schemas"]

    day, whole = schemas["Day"]["properties"], schemas["WholePhoto"]["properties"]
    assert day["visible"]["description"].startswith("Photos in which animals could be seen")
    assert whole["animals"]["description"] == "Animals that people agreed on.", "inherited from Photo"
    assert schemas["Listed_Site_"]["description"] and schemas["Tile"]["properties"]["shown"]["description"]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_question_breaks_the_interface_and_every_answer_is_as_described(interface, make_header, told, mode) -> None:
    """Schemathesis asks every address, with names that exist and with any, and makes all its checks."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", interface)
    asked: set[str] = set()
    for operation in (found.ok() for found in schema.get_all_operations()):
        known = {one.name: told.names[one.name] for one in operation.path_parameters}
        for names in [None, known] if known else [None]:
            cases = operation.as_strategy(generation_mode=mode, path_parameters=names)
            asked.add(operation.label)
            all_is_well(cases, make_header("people", "places", "read"), ordered=mode is GenerationMode.POSITIVE)
    assert len(asked) == len(ENDPOINTS)


def all_is_well(cases, header: dict[str, str], *, ordered: bool) -> None:
    """Ask some of the cases; `ordered` keeps what no schema can say: a cursor must be ours, days must be in order."""

    @FEW
    @given(case=cases)
    def ask(case) -> None:
        query = case.query or {}
        assume(not ordered or ("cursor" not in query and query.get("from", "") <= query.get("to", "9999")))
        case.call_and_validate(headers=header)

    ask()
