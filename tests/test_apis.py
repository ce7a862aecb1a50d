"""API documents: identities, function schemas, what arguments are held against."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import is_valid
from pydantic import ValidationError

from toolenv.apis import API, Identity, Parameter, finish_function, name_apis
from toolenv.tasks import Check, Task

NAMES = st.sampled_from(["", "search", "Search!", "搜索", "🎵", "a" * 70, "Finish", "1.1", "id"])
IDENTITIES = st.builds(Identity, *[st.sampled_from(["", "a", "b"])] * 4)
APIS = st.builds(API, category=NAMES, tool=NAMES, name=NAMES)


# --- identity ------------------------------------------------------------------------------------


def test_an_identity_is_toolbenchs_name_and_all_that_is_known() -> None:
    api = API(category="Video, Images", tool="1.1 Foo", name="/tracking/:id")
    assert api.identity == Identity(
        "tracking_id_for_get_1_1_foo", "Video_Images", "get_1_1_foo", "tracking_id"
    )


def test_a_recorded_function_is_known_by_its_name_alone() -> None:
    api = API(name="x", tool="T", function={"name": "x_for_t"})
    assert api.identity == Identity("x_for_t")
    assert api.identity.joins(API(name="x", tool="T", category="C").identity)


@given(IDENTITIES, IDENTITIES)
def test_joining_is_mutual_and_never_across_functions(one: Identity, other: Identity) -> None:
    assert one.joins(other) == other.joins(one)
    assert one.joins(one)
    assert not one.joins(other) or one.function == other.function
    assert Identity(one.function).joins(one)


@pytest.mark.parametrize("field", ["category", "tool", "api"])
def test_what_both_know_must_agree(field: str) -> None:
    one = Identity("f", "c", "t", "a")
    assert not one.joins(one._replace(**{field: "other"}))
    assert one.joins(one._replace(**{field: ""}))


# --- functions -----------------------------------------------------------------------------------


@given(st.lists(APIS, max_size=8))
def test_function_names_are_legal_unique_and_lead_back(apis: list[API]) -> None:
    named = name_apis(apis)
    distinct = {(api.category, api.tool, api.name) for api in apis}
    assert len(named) == len(distinct)
    for name, api in named.items():
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
        assert name != "Finish"
        assert api in apis
    assert {(a.category, a.tool, a.name) for a in named.values()} == distinct


def test_functions_come_in_the_order_of_the_apis_with_finish_last() -> None:
    recorded = API(name="r", function={"name": "r_for_t", "parameters": {"type": "object"}})
    task = Task(
        id="t", instruction="Do.", apis=(API(tool="t", name="b"), recorded, API(tool="t", name="a"))
    )
    assert list(task.named_apis) == ["b_for_t", "r_for_t", "a_for_t"]
    shown: Any = task.functions
    assert [f["function"]["name"] for f in shown] == ["b_for_t", "r_for_t", "a_for_t", "Finish"]
    assert shown[-1] == finish_function()


PARAMETERS = (
    Parameter(name="ID", type="STRING", description="Which.", default="x", required=True),
    Parameter(name="limit", type="number", default=10),
    Parameter(name="safe", type="BOOLEAN", default=""),
    Parameter(name="tags", type="ARRAY"),
    Parameter(name="kind", type="SOMETHING ELSE", description="  "),
    Parameter(name="when", json_schema={"type": "string", "format": "date"}, description="Day."),
)


def test_a_function_schema() -> None:
    api = API(tool="SEO", name="Find", description=" Finds. ", parameters=PARAMETERS)
    assert api.function_schema("find") == {
        "type": "function",
        "function": {
            "name": "find",
            "description": "Find of SEO. Finds.",
            "parameters": {
                "type": "object",
                "properties": {
                    "is_id": {"type": "string", "description": "Which.", "examples": ["x"]},
                    "limit": {"type": "number", "examples": [10]},
                    "safe": {"type": "boolean"},
                    "tags": {"type": "array"},
                    "kind": {"type": "string"},
                    "when": {"type": "string", "format": "date", "description": "Day."},
                },
                "required": ["is_id"],
            },
        },
    }


def test_optional_parameters_are_shown_where_nothing_is_required() -> None:
    api = API(name="f", parameters=(Parameter(name="a"),))
    schema: Any = api.function_schema("f")
    assert schema["function"]["parameters"] == {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": [],
    }


def test_a_recorded_function_is_shown_unchanged() -> None:
    recorded: Any = {"name": "f_for_t", "parameters": {"required": [""], "optional": []}, "x": 1}
    api = API(name="f", function=recorded)
    assert api.function_schema("f_for_t") == {"type": "function", "function": recorded}
    assert api.arguments_schema() == {"type": "object", "required": []}


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"is_id": "a"}, True),
        ({"is_id": 5, "limit": "1e3", "safe": "True", "tags": "[1]"}, True),
        ({"is_id": "a", "tags": [1], "safe": 0, "limit": -2.5}, True),
        ({}, False),
        ({"ID": "a"}, False),
        ({"is_id": None}, False),
        ({"is_id": "a", "limit": "ten"}, False),
        ({"is_id": "a", "safe": "yes"}, False),
        ({"is_id": "a", "unknown": 1}, False),
        ({"is_id": "a", "when": 5}, False),
    ],
)
def test_arguments_may_be_given_as_documented_or_as_text(
    arguments: dict[str, Any], fits: bool
) -> None:
    api = API(name="f", parameters=PARAMETERS)
    assert is_valid(api.arguments_schema(), arguments) == fits


def test_a_parameter_without_a_legal_name_keeps_its_own() -> None:
    assert Parameter(name="🎵").key == "🎵"


@pytest.mark.parametrize(
    ("method", "declared", "mutates"),
    [
        ("GET", None, False),
        ("get", None, False),
        ("HEAD", None, False),
        ("POST", None, True),
        ("DELETE", None, True),
        ("POST", False, False),
        ("GET", True, True),
    ],
)
def test_what_changes_state(method: str, declared: bool | None, mutates: bool) -> None:
    assert API(name="f", method=method, changes_state=declared).mutates == mutates


# --- records -------------------------------------------------------------------------------------


def test_unknown_keys_survive_a_round_trip() -> None:
    source = {
        "id": "7",
        "instruction": "Do.",
        "apis": [{"name": "f", "parameters": [{"name": "a", "hint": "x"}], "score": 0.5}],
        "check": {"kind": "exact", "value": "x", "by": "hand"},
        "origin": {"row": 3},
    }
    task = Task.model_validate(source)
    assert task.unknown == {"origin": {"row": 3}}
    assert task.apis[0].unknown == {"score": 0.5}
    assert task.apis[0].parameters[0].unknown == {"hint": "x"}
    written = json.loads(task.model_dump_json(exclude_unset=True))
    assert written == source
    assert Task.model_validate(written) == task


def test_records_are_immutable() -> None:
    for record, field in ((API(name="f"), "name"), (Check(kind="exact"), "value")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(record, field, "x")


def test_a_record_without_what_it_needs_names_the_field() -> None:
    with pytest.raises(ValidationError, match="instruction"):
        Task.model_validate({"id": "7"})


def test_finish_takes_an_answer_or_gives_up() -> None:
    finish: Any = finish_function()
    schema = finish["function"]["parameters"]
    assert is_valid(schema, {"return_type": "give_answer", "final_answer": "x"})
    assert is_valid(schema, {"return_type": "give_up_and_restart"})
    assert not is_valid(schema, {"final_answer": "x"})
    assert not is_valid(schema, {"return_type": "restart"})
