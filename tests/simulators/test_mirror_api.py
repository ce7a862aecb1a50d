"""MirrorAPI's request and reply, over a real socket."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from tests.chat.scripted_server import Reply, chat_server, completion
from tests.simulators.llm_worlds import FORECAST, answered, ask
from toolenv.episodes import Response, Status
from toolenv.errors import SimulatorError
from toolenv.simulators import open_simulator

OSLO = {"city": "Oslo"}


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def mirrored(*replies: Reply | dict[str, Any]) -> tuple[Response, list[dict[str, Any]]]:
    with chat_server(replies) as server:
        simulator = open_simulator(f"llm:mirror?style=mirrorapi&base_url={server.url}")
        with closing(simulator):
            return answered(simulator, OSLO), server.requests


def test_the_request_is_in_its_form() -> None:
    _, (request,) = mirrored(completion('{"error": "", "response": {"sky": "grey"}}'))
    assert request["model"] == "mirror"
    assert (request["temperature"], request["seed"], request["max_tokens"]) == (0.1, 42, 2048)
    said = request["messages"][1]["content"]
    document, asked = (json.loads(line) for line in said.split("\n") if line.startswith("{"))
    assert list(document) == [
        "api_name",
        "api_description",
        "required_parameters",
        "optional_parameters",
        "tool_description",
        "tool_name",
        "tool_category",
    ]
    assert (document["api_name"], document["tool_name"]) == (FORECAST.name, FORECAST.tool)
    assert document["required_parameters"] == [
        {
            "name": "city",
            "type": "STRING",
            "description": "Name of the city.",
            "default": "Oslo",
        }
    ]
    assert [one["name"] for one in document["optional_parameters"]] == ["days"]
    assert asked == OSLO


@pytest.mark.parametrize(
    "text",
    [
        '{"error": "", "response": {"sky": "grey"}}',
        '{"mechanism_of_the_api": "It looks up.", "error": "", "response": {"sky": "grey"}}',
        '```json\n{"error": "", "response": {"sky": "grey"}}\n```',
    ],
)
def test_replies_are_read(text: str) -> None:
    response, _ = mirrored(completion(text))
    assert (response.body, response.status, response.source) == ({"sky": "grey"}, Status.OK, "llm")
    assert response.completeness == "whole"


def test_a_cut_response_text_is_kept_and_said_to_be_cut() -> None:
    text = '{"mechanism_of_the_api": "…", "error": "no luck", "response": "a long st'
    response, _ = mirrored(completion(text, finish_reason="length"))
    assert (response.body, response.error) == ("a long st", "no luck")
    assert response.completeness == "truncated"


def test_what_cannot_be_read_is_asked_for_again_with_the_next_seed() -> None:
    prose = completion("prose")
    response, requests = mirrored(prose, prose, completion('{"response": {"sky": 1}}'))
    assert response.body == {"sky": 1}
    assert [request["seed"] for request in requests] == [42, 43, 44]
    assert requests[0]["messages"] == requests[1]["messages"] == requests[2]["messages"]


def test_what_can_never_be_read_is_a_failure() -> None:
    with chat_server([completion("prose")]) as server:
        simulator = open_simulator(f"llm:mirror?style=mirrorapi&repairs=1&base_url={server.url}")
        with closing(simulator), pytest.raises(SimulatorError, match="asked 2 times"):
            ask(simulator, OSLO)
