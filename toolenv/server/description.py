"""The server's own OpenAPI description."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from toolenv.jsontext import render
from toolenv.server.settings import ServerSettings

__all__ = ["describe"]

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_OPTIONAL_TEXT: Final[dict[str, Any]] = {"type": ["string", "null"]}

_CALL: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["api_name"],
    "properties": {
        "category": {**_OPTIONAL_TEXT, "description": "As ToolBench spells it or its folder."},
        "tool_name": {
            **_OPTIONAL_TEXT,
            "description": "With or without _for_<category>; left out, api_name is the name of a "
            "function.",
        },
        "api_name": {**_TEXT, "description": "With or without _for_<tool_name>."},
        "tool_input": {
            "description": "The arguments: an object, or its JSON text. Nothing, null and empty "
            "text are no arguments."
        },
        "strip": {"description": "Not used: nothing is shortened."},
        "toolbench_key": {"description": "The token, where one is asked for; else not used."},
    },
    "example": {
        "category": "Data",
        "tool_name": "seo_api",
        "api_name": "search",
        "tool_input": '{"query": "tea"}',
        "strip": "",
        "toolbench_key": "",
    },
}
_REPLY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error", "response"],
    "properties": {
        "error": {"description": "Text; empty where the API answered without an error."},
        "response": {"description": "What the API answered."},
    },
}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error", "response"],
    "properties": {"error": _TEXT, "response": {"const": ""}},
}

_WHY: Final = {
    400: "The body is not JSON, the name of the episode cannot be used, or this is no request.",
    401: "The token is not shown.",
    405: "Another method is needed.",
    408: "The request did not arrive in time.",
    413: "The body is too large.",
    415: "The body is said to be something else than JSON.",
    422: "The body is JSON, and yet no call.",
    429: "The episode has too many calls.",
    431: "The head is too large.",
    502: "A simulator failed for reasons of its own.",
    503: "Too many episodes are kept, or the server stops.",
    504: "A live simulator took too long.",
}


def describe(settings: ServerSettings) -> bytes:
    """The description, as JSON.

    Args:
        settings: They say whether there is a token.
    """
    return render(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "toolenv",
                "version": "1",
                "description": "Simulators behind the requests of ToolBench and StableToolBench. "
                f"Bodies have at most {settings.body_limit} bytes.",
            },
            "paths": {
                "/virtual": {"post": _call("virtual", "A call, as StableToolBench's clients ask.")},
                "/rapidapi": {"post": _call("rapidapi", "A call, as ToolBench's clients ask.")},
                "/health": _page("health", "Whether requests are answered.", "application/json"),
                "/metrics": _page("metrics", "Counts and times for Prometheus.", "text/plain"),
                "/openapi.json": _page("description", "This description.", "application/json"),
            },
            **(_SECURITY if settings.token else {}),
        }
    ).encode()


_SECURITY: Final[dict[str, Any]] = {
    "components": {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "toolbench_key": {"type": "apiKey", "in": "header", "name": "toolbench_key"},
        }
    },
    "security": [{"bearer": []}, {"toolbench_key": []}],
}


def _call(name: str, about: str) -> dict[str, Any]:
    told = {
        f"X-Toolenv-{what}": {"schema": _TEXT, "description": why}
        for what, why in (
            ("Status", "What kind of answer it is: OK, API_ERROR, MISS, …"),
            ("Source", "Who answered: snapshot, store, live, …"),
        )
    }
    return {
        "operationId": name,
        "summary": about,
        "parameters": [
            {
                "name": "X-Toolenv-Episode",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
                "description": "Names an episode, whose calls see what its earlier calls changed. "
                "Without it, each call is the first of an episode of its own.",
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _CALL}}},
        "responses": {
            "200": {
                "description": "What was answered, an API's errors and misses included.",
                "headers": told,
                "content": {"application/json": {"schema": _REPLY}},
            },
            **_errors(*_WHY),
        },
    }


def _page(name: str, about: str, kind: str) -> dict[str, Any]:
    open_to_all: dict[str, Any] = {} if name == "metrics" else {"security": []}
    schema = _TEXT if kind == "text/plain" else {"type": "object"}
    told = {"description": about, "content": {kind: {"schema": schema}}}
    errors = _errors(400, 401, 405, 408, 431) if name == "metrics" else _errors(400, 405, 408, 431)
    return {
        "get": {
            "operationId": name,
            "summary": about,
            "responses": {"200": told, **errors},
            **open_to_all,
        }
    }


def _errors(*codes: int) -> dict[str, Any]:
    content = {"application/json": {"schema": _ERROR}}
    return {
        str(code): {"description": _WHY.get(code, HTTPStatus(code).phrase), "content": content}
        for code in codes
    }
