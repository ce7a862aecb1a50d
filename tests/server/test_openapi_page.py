"""The server's OpenAPI page is true to the server."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from tests.server.servers import Running

load_all_checks()

OPERATIONS = {"POST /virtual", "POST /rapidapi", "GET /health", "GET /metrics"}
"""All but the page itself, which is read to know them."""


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_nothing_that_the_page_allows_or_forbids_crashes_the_server(
    live_server: Running, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_url(f"{live_server.url}/openapi.json")
    checks: list[Any] = list(CHECKS.get_all())
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert {operation.label for operation in found} == OPERATIONS
    for operation in found:

        @settings(
            max_examples=40,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def check(case: Case[Any]) -> None:
            case.call_and_validate(checks=checks)

        if mode is GenerationMode.POSITIVE or operation.method == "post":
            check()
