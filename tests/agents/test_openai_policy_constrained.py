"""Messages held to calls of the offered functions: what is asked, and what then goes wrong."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import is_valid, meta, validator_for

from tests.agents.chat_server import TASK, no_proxy, say
from tests.chat.scripted_server import chat_server, completion, tool_call
from toolenv.actions import Resolver
from toolenv.agents import OpenAIPolicy, ReACT
from toolenv.agents.policies.call_schema import call_schema
from toolenv.apis import FINISH, finish_function
from toolenv.env import ToolEnv
from toolenv.episodes import Call, FunctionCall, Status
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, render
from toolenv.mini import mini_tasks

__all__ = ["no_proxy"]


def function(name: str, parameters: Any = None) -> dict[str, JsonValue]:
    described = {"name": name, "parameters": parameters}
    return {"type": "function", "function": described if parameters is not None else {"name": name}}


def admits(schema: dict[str, JsonValue], name: object, arguments: object) -> bool:
    return is_valid(schema, {"name": name, "arguments": arguments})


# --- a server that keeps to what it is asked ------------------------------------------------------


def anything_of(schema: Any, draw: random.Random) -> Any:
    """Some value that fits a schema, of the kinds that the tasks' functions use."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return draw.choice(schema["enum"])
    if "anyOf" in schema:
        return anything_of(draw.choice(schema["anyOf"]), draw)
    if schema["type"] == "object":
        required = schema.get("required", [])
        names = [name for name in schema["properties"] if name in required or draw.random() < 0.5]
        return {name: anything_of(schema["properties"][name], draw) for name in names}
    if schema["type"] == "array":
        return [anything_of(schema["items"], draw) for _ in range(draw.randrange(3))]
    return {
        "string": draw.choice(["", "Lisbon", '"', "\\", "né\n", "}"]),
        "integer": draw.randrange(-5, 5),
        "number": draw.choice([0, 1.5, -2e9]),
        "boolean": draw.random() < 0.5,
    }[schema["type"]]


def keeping_to_the_schema(request: dict[str, Any]) -> dict[str, Any]:
    draw = random.Random(f"{request['seed']} {len(request['messages'])}")
    schema = request["response_format"]["json_schema"]["schema"]
    value = anything_of(schema, draw)
    assert is_valid(schema, value)
    return completion(json.dumps(value))


def keeping_to_the_tools(request: dict[str, Any]) -> dict[str, Any]:
    assert request["tool_choice"] == "required"
    draw = random.Random(f"{request['seed']} {len(request['messages'])}")
    called = anything_of(call_schema(request["tools"]), draw)
    return completion(None, tool_calls=[tool_call(called["name"], json.dumps(called["arguments"]))])


@pytest.mark.parametrize(
    ("constrained", "server"),
    [("schema", keeping_to_the_schema), ("tools", keeping_to_the_tools)],
)
def test_no_syntax_error_and_no_unknown_function(constrained: Any, server: Any) -> None:
    env = ToolEnv(max_steps=6)
    calls: list[Call] = []
    statuses: list[Status] = []
    with chat_server(server) as running:
        agent = ReACT(OpenAIPolicy("m", base_url=running.url, constrained=constrained))
        for task in mini_tasks()[:20]:
            for step in agent.run(env, task, seed=7).steps:
                assert len(step.calls) == 1 and not step.message.repaired
                calls += step.calls
                statuses += [response.status for response in step.responses]
    assert len(calls) > 40 and len({call.function for call in calls}) > 10
    assert all(call.arguments is not None for call in calls)  # zero syntax errors
    assert Status.NO_SUCH_FUNCTION not in statuses  # zero unknown functions
    assert [call.invalid for call in calls if call.invalid] == []


# --- what is asked --------------------------------------------------------------------------------


def asked(**options: Any) -> dict[str, Any]:
    functions = options.pop("functions", TASK.functions)
    with chat_server([completion('{"name": "f", "arguments": {}}')]) as server:
        say(OpenAIPolicy("m", base_url=server.url, **options), functions=functions)
        return server.requests[0]


def test_tools_must_be_called() -> None:
    request = asked(constrained="tools")
    assert request["tool_choice"] == "required" and "response_format" not in request
    assert request["tools"] == TASK.functions


def test_a_schema_is_sent_beside_the_functions() -> None:
    request = asked(constrained="schema")
    assert request["tool_choice"] == "none" and request["tools"] == TASK.functions
    form = request["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"] == call_schema(TASK.functions)
    alone = asked(constrained="schema", calls="text")
    assert "tools" not in alone and alone["response_format"] == form


@pytest.mark.parametrize("constrained", [None, "tools", "schema"])
def test_without_functions_nothing_is_held_to_calls(constrained: Any) -> None:
    request = asked(constrained=constrained, functions=[])
    assert "tool_choice" not in request and "response_format" not in request


@pytest.mark.parametrize(
    "options",
    [
        {"constrained": "grammar"},
        {"constrained": "tools", "calls": "text"},
        {"constrained": "schema", "action_format": "hermes"},
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        OpenAIPolicy("m", **options)


# --- the schema -----------------------------------------------------------------------------------

SIMPLE = [
    {"type": "string"},
    {"type": "integer"},
    {"type": "boolean"},
    {"enum": ["a", 1, None]},
    {"type": "array", "items": {"type": "integer"}},
]
parameters = st.builds(
    lambda properties, required: {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name in required],
    },
    st.dictionaries(st.text("abc", min_size=1, max_size=2), st.sampled_from(SIMPLE), max_size=4),
    st.sets(st.text("abc", min_size=1, max_size=2), max_size=4),
)
offered = st.dictionaries(st.text(min_size=1, max_size=6), parameters, min_size=1, max_size=5)
values: st.SearchStrategy[JsonValue] = st.sampled_from(
    ["", "a", 1, 1.5, True, None, [], [1], ["a"], {}]
)
arguments = st.dictionaries(st.text("abc", min_size=1, max_size=2), values, max_size=4)


@given(offered, st.data())
@settings(max_examples=200, deadline=None)
def test_it_admits_exactly_the_offered_calls(
    offers: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    schema = call_schema([function(name, one) for name, one in offers.items()])
    assert meta.is_valid(schema)
    name = data.draw(st.sampled_from(sorted(offers)) | st.text(max_size=6))
    given_ = data.draw(arguments)
    own = offers.get(name)
    fits = own is not None and is_valid({**own, "additionalProperties": False}, given_)
    assert admits(schema, name, given_) == fits
    assert not admits(schema, name, render(given_))
    assert not is_valid(schema, given_) and not is_valid(schema, {"name": name})
    assert not is_valid(schema, {"name": name, "arguments": given_, "more": 1})


def test_what_it_admits_the_environment_takes() -> None:
    draw = random.Random(0)
    for task in mini_tasks():
        schema = call_schema(task.functions)
        resolver = Resolver(task.named_apis)
        for _ in range(20):
            value = anything_of(schema, draw)
            call = resolver.resolve(FunctionCall(value["name"], render(value["arguments"])))
            assert call.invalid == "" and call.arguments == value["arguments"]


def test_finish_needs_an_answer_or_gives_up() -> None:
    schema = call_schema([finish_function()])
    assert admits(schema, FINISH, {"return_type": "give_answer", "final_answer": "42"})
    assert admits(schema, FINISH, {"return_type": "give_up_and_restart"})
    assert not admits(schema, FINISH, {"return_type": "give_answer"})
    assert not admits(schema, FINISH, {"return_type": "give_up_and_restart", "final_answer": "42"})
    assert not admits(schema, FINISH, {"final_answer": "42"})


def test_references_within_a_functions_schema_still_lead_there() -> None:
    place = {
        "type": "object",
        "properties": {"of": {"$ref": "#/$defs/place"}, "all": {"type": "string"}},
        "$defs": {"place": {"type": "object", "properties": {"in": {"$ref": "#/$defs/place"}}}},
    }
    schema = call_schema([function("f"), function("g", place)])
    assert meta.is_valid(schema)
    validator_for(schema)  # every reference is found
    assert admits(schema, "g", {"of": {"in": {"in": {}}}})
    assert not admits(schema, "g", {"of": {"in": {"in": 1}}})
    assert admits(schema, "f", {}) and not admits(schema, "f", {"of": {}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "dict", "properties": {"a": {}, "b": {}}, "required": ["a"]},
        {"properties": {"a": {"$ref": "#/nowhere"}, "b": {"type": "string"}}, "required": ["a"]},
        {"properties": {"a": {"type": "string", "pattern": "("}, "b": {}}, "required": ["a"]},
    ],
    ids=str,
)
def test_a_functions_schema_that_is_none_is_held_to_its_names(wrong: dict[str, Any]) -> None:
    schema = call_schema([function("f", wrong)])
    assert meta.is_valid(schema)
    assert admits(schema, "f", {"a": 1}) and admits(schema, "f", {"a": [], "b": {}})
    assert not admits(schema, "f", {"c": 1}) and not admits(schema, "f", {"b": 1})


def test_a_schema_that_says_what_else_it_allows_is_kept() -> None:
    free = {"type": "object", "additionalProperties": {"type": "integer"}}
    schema = call_schema([function("f", free)])
    assert admits(schema, "f", {"any": 1}) and not admits(schema, "f", {"any": "1"})
