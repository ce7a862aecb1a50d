"""The tools of an MCP server become APIs: names, parameters, what they change, resolved schemas."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.actions import Resolver
from toolenv.apis import API
from toolenv.episodes import FunctionCall
from toolenv.errors import FormatError
from toolenv.formats.mcp import apis_of_mcp_tools
from toolenv.jsontext import JsonValue
from toolenv.tasks import Task


def tool(name: str = "look", **fields: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, **fields}


def with_properties(properties: Any, **fields: Any) -> dict[str, Any]:
    return tool(inputSchema={"type": "object", "properties": properties, **fields})


def one(listed: dict[str, Any]) -> API:
    (api,) = apis_of_mcp_tools([listed], tool="Weather").values()
    return api


def test_a_tool_is_an_api_of_the_server_with_its_whole_documentation() -> None:
    api = one(
        {
            "name": "forecast",
            "title": "Forecast",
            "description": "Tomorrow's weather.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "days": {"type": "integer", "default": 1, "minimum": 1},
                    "cityName": {"type": "string", "description": "Where."},
                    "unit": {"enum": ["C", "F"]},
                    "zone": {"type": ["null", "array"]},
                },
                "required": ["cityName"],
            },
            "outputSchema": {"type": "object", "properties": {"degrees": {"type": "number"}}},
        }
    )
    assert (api.tool, api.name, api.description) == ("Weather", "forecast", "Tomorrow's weather.")
    assert api.response_schema == {
        "type": "object",
        "properties": {"degrees": {"type": "number"}},
    }
    assert [(p.name, p.key, p.type, p.required) for p in api.parameters] == [
        ("cityName", "cityname", "STRING", True),
        ("days", "days", "NUMBER", False),
        ("unit", "unit", "ENUM", False),
        ("zone", "zone", "ARRAY", False),
    ]
    assert api.parameters[0].description == "Where."
    assert api.parameters[1].default == 1
    assert api.parameters[1].shown_schema() == {"type": "integer", "default": 1, "minimum": 1}


def test_a_title_stands_in_for_a_missing_description() -> None:
    assert one(tool(title="Looks around.")).description == "Looks around."


@pytest.mark.parametrize(
    ("hints", "changes"),
    [
        (None, None),
        ({}, None),
        ({"title": "x"}, None),
        ({"readOnlyHint": True}, False),
        ({"readOnlyHint": True, "destructiveHint": True}, False),
        ({"readOnlyHint": False}, True),
        ({"destructiveHint": False}, True),
        ({"idempotentHint": True}, True),
        ({"readOnlyHint": "yes"}, None),
    ],
)
def test_hints_say_whether_it_changes_something_and_silence_counts_as_yes(
    hints: Any, changes: bool | None
) -> None:
    api = one(tool(annotations=hints))
    assert api.changes_state is changes
    assert api.mutates is (changes is not False)


def test_equal_names_are_kept_once_and_names_that_standardise_alike_are_kept_apart() -> None:
    apis = apis_of_mcp_tools(
        [tool("getUser"), tool("getuser"), tool("getUser", title="later")], tool="Users"
    )
    assert list(apis) == ["getUser", "getuser"]
    assert apis["getUser"].name == "getUser"
    assert apis["getUser"].description == ""
    assert apis["getuser"].identity.function != apis["getUser"].identity.function
    assert apis["getuser"].name.startswith("getuser ")


def test_references_are_resolved_so_that_a_parameter_stands_alone() -> None:
    api = one(
        tool(
            inputSchema={
                "type": "object",
                "$defs": {
                    "Place": {
                        "type": "object",
                        "properties": {"city": {"$ref": "#/$defs/City"}, "$ref": {"type": "null"}},
                    },
                    "City": {"type": "string", "maxLength": 5},
                },
                "properties": {
                    "place": {"$ref": "#/$defs/Place", "description": "Where."},
                    "places": {"type": "array", "items": {"$ref": "#/%24defs/City"}},
                    "said": {"const": {"$ref": "#/$defs/City"}},
                },
            }
        )
    )
    place, places, said = (parameter.json_schema for parameter in api.parameters)
    city = {"type": "string", "maxLength": 5}
    assert place == {
        "type": "object",
        "properties": {"city": city, "$ref": {"type": "null"}},
        "description": "Where.",
    }
    assert places == {"type": "array", "items": city}
    assert said == {"const": {"$ref": "#/$defs/City"}}, "a value is no schema"
    task = Task(id="1", instruction="Look.", apis=(api,))
    resolver = Resolver(task.named_apis)
    name = next(iter(task.named_apis))
    call = resolver.resolve(FunctionCall(name, '{"place": {"city": "Zanzibar"}}'))
    assert "city" in call.invalid


@pytest.mark.parametrize(
    "described",
    [
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "#/nowhere"},
        {"$ref": "#anchor"},
        {"$ref": "#/properties/it"},
        {"$ref": "#/required/0"},
        {"$ref": "#/required/99999"},
        True,
        {},
    ],
)
def test_what_no_reference_leads_to_accepts_anything(described: Any) -> None:
    api = one(with_properties({"it": described}, required=["it"]))
    assert api.parameters[0].json_schema == {}


def test_a_recursive_schema_accepts_anything_below_its_first_level() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    api = one(with_properties({"list": {"$ref": "#/$defs/Node"}}, **{"$defs": {"Node": node}}))
    assert api.parameters[0].json_schema == {"type": "object", "properties": {"next": {}}}


def test_references_that_multiply_are_cut() -> None:
    names = [f"N{number}" for number in range(40)]
    bomb: dict[str, Any] = {
        name: {"allOf": [{"$ref": f"#/$defs/{other}"}] * 2} for name, other in pairwise(names)
    }
    bomb[names[-1]] = {"type": "string"}
    api = one(with_properties({"it": {"$ref": "#/$defs/N0"}}, **{"$defs": bomb}))
    assert len(json.dumps(api.parameters[0].json_schema)) < 1_000_000


@pytest.mark.parametrize(
    ("listed", "place"),
    [
        ({"inputSchema": {}}, "tools[0].name"),
        ({"name": " ", "inputSchema": {}}, "tools[0].name"),
        ({"name": "a", "inputSchema": []}, "tools[0].inputSchema"),
        ({"name": "a", "inputSchema": {"properties": [1]}}, "tools[0].inputSchema.properties"),
        ({"name": "a", "inputSchema": {}, "description": 1}, "tools[0].description"),
    ],
)
def test_what_is_no_tool_is_refused_by_place(listed: Any, place: str) -> None:
    with pytest.raises(FormatError) as refused:
        apis_of_mcp_tools([listed], tool="Bad")
    assert refused.value.where == place


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "$ref", "items", "allOf", "enum", "a"]),
            inner | st.sampled_from(["#", "#/properties", "string", "#/properties/a"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4), st.lists(st.text(max_size=5)))
def test_any_properties_give_apis_that_tasks_can_use(
    properties: dict[str, JsonValue], required: list[str]
) -> None:
    api = one(with_properties(properties, required=required))
    task = Task(id="1", instruction="Look.", apis=(api,))
    assert json.dumps(task.functions)
    Resolver(task.named_apis).resolve(FunctionCall(next(iter(task.named_apis)), '{"a": 1}'))
