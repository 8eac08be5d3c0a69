"""The OpenAPI is complete, and the real application on a real database keeps it, whatever it is sent."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.admin_api.service import AdminApi

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


async def _schema(api: AdminApi) -> dict[str, Any]:
    found: dict[str, Any] = (await api.client.get("/openapi.json")).json()
    return found


async def test_every_operation_has_summary_tag_and_problems(bare: AdminApi) -> None:
    schema = await _schema(bare)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            place = f"{method} {path}"
            assert operation["summary"], place
            assert operation["tags"], place
            errors = [status for status in operation["responses"] if status >= "400"]
            assert {"401", "422", "503"} <= set(errors), place
            for status in errors:
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"], place
            good = [operation["responses"][status] for status in operation["responses"] if status < "300"]
            assert good, place
            assert all("content" in answer for answer in good) or "204" in operation["responses"], place
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert "Problem" in schema["components"]["schemas"]


async def test_every_body_and_answer_has_examples_or_fields_that_have_them(bare: AdminApi) -> None:
    schemas = (await _schema(bare))["components"]["schemas"]
    for name in ("SignIn", "NewUnit", "NewGroup", "NewMessage", "NewNotice", "NewEvent", "UnitView", "MessageView"):
        properties = schemas[name]["properties"]
        assert any("example" in str(field) for field in properties.values()), name


# Slow: every route is asked with a dozen made-up requests.
@pytest.mark.parametrize("role", ["operator", "administrator"])
async def test_whatever_is_sent_the_application_keeps_its_promise(api: AdminApi, role: Any) -> None:
    headers = await api.as_(role, None if role == "operator" else "sakura")
    document = await _schema(api)
    # The session itself must outlive the test.
    del document["paths"]["/v1/session"]
    schema = schemathesis.openapi.from_dict(document)
    loop = asyncio.get_running_loop()

    def call(case: Any) -> None:
        # Mostly with what is there, so that more than 404 is met.
        if "unit" in (case.path_parameters or {}) and case.path_parameters["unit"] != "momo":
            case.path_parameters["unit"] = "sakura"
        if "group" in (case.path_parameters or {}):
            case.path_parameters["group"] = "xx1"
        arguments = case.as_transport_kwargs(base_url="http://office", headers=headers)
        arguments.pop("cookies", None)
        arguments["data" if "files" in arguments else "content"] = arguments.pop("data", None)
        sending = api.client.request(**arguments)
        answer = asyncio.run_coroutine_threadsafe(sending, loop).result(30)
        case.validate_response(Response.from_any(answer), checks=CHECKS)

    def work() -> None:
        bounded = settings(
            max_examples=12, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        for found in schema.get_all_operations():
            assert not isinstance(found, Err)
            bounded(given(case=found.ok().as_strategy())(call))()

    await asyncio.to_thread(work)
