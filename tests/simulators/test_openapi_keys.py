"""Keys for security schemes: from the environment into requests, and nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.openapi_echo import ask, described, serving, task_of, told
from toolenv.apis import API
from toolenv.errors import ConfigurationError
from toolenv.formats import write_tasks
from toolenv.simulators.openapi import OpenAPISimulator
from toolenv.simulators.openapi_keys import variable_of
from toolenv.tasks import Task

LOCAL = ["127.0.0.1"]
LOCKED = """
components:
  securitySchemes:
    inHeader: {type: apiKey, in: header, name: X-Key}
    inQuery: {type: apiKey, in: query, name: key}
    inCookie: {type: apiKey, in: cookie, name: session}
    basic: {type: http, scheme: basic}
    bearer: {type: http, scheme: bearer}
    oauth: {type: oauth2, flows: {}}
    openid: {type: openIdConnect, openIdConnectUrl: "https://example.org/"}
    certificate: {type: mutualTLS}
security: [{bearer: []}]
"""
LOCKS = """
  /header: {get: {operationId: header, security: [{inHeader: []}]}}
  /query: {get: {operationId: query, security: [{inQuery: []}],
    parameters: [{name: q, in: query, schema: {type: string}}]}}
  /cookie: {get: {operationId: cookie, security: [{inCookie: []}],
    parameters: [{name: c, in: cookie, schema: {type: string}}]}}
  /basic: {get: {operationId: basic, security: [{basic: []}]}}
  /bearer: {get: {operationId: bearer}}
  /oauth: {get: {operationId: oauth, security: [{oauth: [read]}]}}
  /openid: {get: {operationId: openid, security: [{openid: []}]}}
  /both: {get: {operationId: both, security: [{basic: [], inQuery: []}, {inHeader: []}]}}
  /maybe: {get: {operationId: maybe, security: [{}, {bearer: []}]}}
  /free: {get: {operationId: free, security: []}}
  /certificate: {get: {operationId: certificate, security: [{certificate: []}]}}
  /fail/401: {get: {operationId: fail, security: [{inHeader: []}]}}
"""
KEY = "s3cret-key"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with serving() as host:
        yield host


def locked(host: str) -> list[API]:
    return described(host, LOCKS, LOCKED)


def only(apis: Sequence[API], *names: str) -> Task:
    return task_of([api for api in apis if api.name in names])


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("inHeader", "inQuery", "inCookie", "bearer", "oauth", "openid"):
        monkeypatch.setenv(variable_of("Echo", scheme), KEY)
    monkeypatch.setenv("TOOLENV_ECHO_BASIC", f"user:{KEY}")


@pytest.mark.usefixtures("keys")
def test_keys_go_where_their_scheme_says(host: str) -> None:
    apis = locked(host)
    received: dict[str, Any] = {}
    with OpenAPISimulator(apis, allow_private=LOCAL) as simulator:
        for name in ("header", "query", "cookie", "basic", "bearer", "oauth", "openid", "both",
                     "maybe", "free"):  # fmt: skip
            arguments = {"query": {"q": "1"}, "cookie": {"c": "2"}}.get(name, {})
            asked = told(ask(simulator, only(apis, name), name, **arguments))
            received[name] = (
                asked["headers"].get("x-key"),
                asked["query"],
                asked["headers"].get("cookie"),
                asked["headers"].get("authorization"),
            )
    # What the server says of the key is hidden before anybody sees it.
    assert received == {
        "header": ("…", "", None, None),
        "query": (None, "q=1&key=…", None, None),
        "cookie": (None, "", "c=2; session=…", None),
        "basic": (None, "", None, "Basic …"),
        "bearer": (None, "", None, "Bearer …"),
        "oauth": (None, "", None, "Bearer …"),
        "openid": (None, "", None, "Bearer …"),
        "both": (None, "key=…", None, "Basic …"),
        "maybe": (None, "", None, "Bearer …"),
        "free": (None, "", None, None),
    }


@pytest.mark.usefixtures("keys")
def test_keys_appear_nowhere(host: str, tmp_path: Path) -> None:
    apis = locked(host)
    task = only(apis, "header", "basic", "query", "fail")
    with OpenAPISimulator(apis, allow_private=LOCAL) as simulator:
        write_tasks([task], tmp_path / "tasks.json")
        seen = [
            repr(simulator), repr(vars(simulator)), simulator.fingerprint,
            (tmp_path / "tasks.json").read_text(),
            *(repr(ask(simulator, task, name)) for name in ("header", "basic", "query", "fail")),
        ]  # fmt: skip
    encoded = base64.b64encode(f"user:{KEY}".encode()).decode()
    assert not [text for text in seen if KEY in text or encoded in text]


def test_a_key_that_is_not_set_is_told_before_anything_is_called(host: str) -> None:
    apis = locked(host)
    with OpenAPISimulator(apis, allow_private=LOCAL) as simulator:
        assert told(ask(simulator, only(apis, "free"), "free"))["method"] == "GET"
        assert told(ask(simulator, only(apis, "maybe"), "maybe"))["method"] == "GET"
        with pytest.raises(ConfigurationError, match=r"both of Echo needs a key") as error:
            simulator.open(only(apis, "free", "both"), 1)
        assert error.value.where == "TOOLENV_ECHO_BASIC or TOOLENV_ECHO_INHEADER"
        assert simulator.requests_made == 2


@pytest.mark.usefixtures("keys")
def test_client_certificates_are_not_sent(host: str) -> None:
    apis = locked(host)
    with (
        OpenAPISimulator(apis, allow_private=LOCAL) as simulator,
        pytest.raises(ConfigurationError, match="certificate of Echo needs"),
    ):
        simulator.open(only(apis, "certificate"), 1)


def test_calls_without_keys_can_be_meant(host: str) -> None:
    apis = locked(host)
    with OpenAPISimulator(apis, anonymous=True, allow_private=LOCAL) as simulator:
        asked = told(ask(simulator, only(apis, "bearer"), "bearer"))
    assert "authorization" not in asked["headers"]


def test_a_variable_can_be_named(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", KEY)
    apis = locked(host)
    with OpenAPISimulator(apis, keys={"bearer": "MY_TOKEN"}, allow_private=LOCAL) as simulator:
        asked = told(ask(simulator, only(apis, "bearer"), "bearer"))
        assert asked["headers"]["authorization"] == "Bearer …"
    with pytest.raises(ConfigurationError, match="There is no security scheme 'bearr'"):
        OpenAPISimulator(apis, keys={"bearr": "MY_TOKEN"})


def test_a_key_that_cannot_be_sent_is_refused_unseen(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLENV_ECHO_BEARER", f"{KEY}\r\nX: y")
    with pytest.raises(ConfigurationError, match="cannot be sent") as error:
        OpenAPISimulator(locked(host))
    assert KEY not in str(error.value) and error.value.where == "TOOLENV_ECHO_BEARER"


@pytest.mark.usefixtures("keys")
def test_keys_travel_encrypted_or_to_hosts_allowed_by_name() -> None:
    apis = locked("api.example.org")
    with OpenAPISimulator(apis) as simulator:
        with pytest.raises(ConfigurationError, match="without encryption"):
            simulator.open(only(apis, "bearer"), 1)
        simulator.open(only(apis, "free"), 1)
    with OpenAPISimulator(apis, server="https://api.example.org") as simulator:
        simulator.open(only(apis, "bearer"), 1)
