"""Spaces: any text fits, and sampled actions are calls that fit the schemas shown."""

from __future__ import annotations

import copy
import json
import pickle  # noqa: TID251 -- what we pickled ourselves
from collections import Counter
from typing import Any

import pytest
from gymnasium.error import CustomSpaceError
from gymnasium.spaces import Text
from gymnasium.vector.utils import batch_space, create_shared_memory
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import is_valid

from toolenv.actions import Resolver, read_action
from toolenv.apis import API, Parameter
from toolenv.formats.toolbench.functions import compatibility_functions
from toolenv.jsontext import JsonValue
from toolenv.mini import mini_tasks
from toolenv.spaces import AnyText, CallSpace
from toolenv.tasks import Task

# --- all texts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", " ", "é搜索🎵", "\ud800", "\udfff\ud800", "\0", "\n", "x" * 10_000_000]
)
def test_every_text_is_contained(text: str) -> None:
    assert text in AnyText()
    assert text in CallSpace()


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_contained(text: str) -> None:
    assert text in AnyText()


@pytest.mark.parametrize("other", [None, 0, b"text", ["text"], {"text": 1}])
def test_nothing_else_is_contained(other: Any) -> None:
    assert other not in AnyText()


def test_spaces_are_equal_by_kind_and_short_to_print() -> None:
    assert AnyText() == AnyText(seed=3)
    assert AnyText() != CallSpace()
    assert AnyText() != Text(5)
    assert (repr(AnyText()), repr(CallSpace())) == ("AnyText()", "CallSpace()")


@pytest.mark.parametrize("space", [AnyText(), CallSpace(mini_tasks()[0].functions)])
@pytest.mark.parametrize("twin", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])  # noqa: S301
def test_copies_draw_the_same(space: AnyText, twin: Any) -> None:
    space.seed(5)
    copied = twin(space)
    assert copied == space
    assert [copied.sample() for _ in range(20)] == [space.sample() for _ in range(20)]


def test_samples_of_texts_are_short_and_follow_the_seed() -> None:
    samples = [AnyText(seed).sample() for seed in range(50)]
    assert samples == [AnyText(seed).sample() for seed in range(50)]
    assert len(set(samples)) > 40
    assert max(map(len, samples)) < 40


def test_shared_memory_is_refused_with_the_way_out() -> None:
    with pytest.raises(CustomSpaceError, match="shared_memory=False"):
        create_shared_memory(AnyText(), 2)


# --- sampled calls ------------------------------------------------------------------------------


def function(parameters: dict[str, Any], name: str = "f") -> dict[str, JsonValue]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def drawn(space: CallSpace, mask: Any = None) -> tuple[str, Any]:
    call = json.loads(space.sample(mask=mask))
    assert set(call) == {"name", "arguments"}
    return call["name"], call["arguments"]


@settings(max_examples=60)
@given(st.sampled_from(mini_tasks()), st.integers(0, 2**31))
def test_samples_are_valid_calls_of_the_embedded_tasks(task: Task, seed: int) -> None:
    space = CallSpace(task.functions, seed)
    shown: dict[Any, Any] = {f["function"]["name"]: f["function"] for f in task.functions}  # type: ignore[index,call-overload]
    resolver = Resolver(task.named_apis)
    for _ in range(5):
        text = space.sample()
        (written,) = read_action(text).calls
        call = resolver.resolve(written)
        assert not call.invalid, call
        assert is_valid(shown[written.name]["parameters"], call.arguments)


def test_every_function_is_drawn() -> None:
    task = mini_tasks()[0]
    space = CallSpace(task.functions, 0)
    names = Counter(drawn(space)[0] for _ in range(400))
    assert set(names) == {*task.named_apis, "Finish"}


OBJECT = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 4},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2},
    },
    "required": ["name"],
    "additionalProperties": False,
}

SCHEMAS: list[dict[str, Any]] = [
    {"enum": ["x", 3, None, True]},
    {"const": {"deep": [1, 2]}},
    {"type": "integer", "minimum": 5, "maximum": 5},
    {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 2},
    {"type": "integer", "maximum": -5},
    {"type": "integer", "minimum": 10**18, "maximum": 10**18 + 1},
    {"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 20},
    {"type": "integer", "minimum": 0.5, "maximum": 1.5},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 0.25},
    {"type": "number", "minimum": -1, "exclusiveMaximum": -0.5},
    {"type": "number", "multipleOf": 0.5},
    {"type": "number", "minimum": 0.0001, "maximum": 0.0002},
    {"type": "number", "examples": ["10", 3]},
    {"type": "integer", "default": "many"},
    {"type": "string", "minLength": 20},
    {"type": "string", "maxLength": 0},
    {"type": "string", "maxLength": 1, "examples": ["too long", "y"]},
    {"type": ["integer", "null"]},
    {"type": "boolean"},
    {"type": "null"},
    {"type": "array"},
    {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4},
    {"type": "array", "items": {"type": "integer", "maximum": 5}, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "maxItems": 2},
    {"type": "array", "items": {"type": "array", "items": OBJECT}},
    OBJECT,
    {"type": "object", "properties": {"inner": OBJECT}, "required": ["inner"]},
    {"type": "object", "required": ["unlisted"]},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
    {"anyOf": [{"type": "integer"}, {"type": "null"}, OBJECT]},
    {"oneOf": [{"const": 1}, {"type": "string"}]},
    {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"allOf": [OBJECT, {"required": ["tags"]}]},
    {"allOf": [{"type": "integer"}, {"minimum": 3, "maximum": 4}]},
    {"$ref": "#/$defs/thing"},
    {"type": "array", "items": {"$ref": "#/$defs/thing"}, "minItems": 1},
    {"allOf": [{"$ref": "#/$defs/thing"}], "description": "referred to"},
    {},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_samples_fit_schemas_of_every_kind(schema: dict[str, Any]) -> None:
    parameters = {
        "type": "object",
        "properties": {"value": schema, "also": schema},
        "required": ["value"],
        "$defs": {"thing": OBJECT, "chain": {"$ref": "#/$defs/thing"}},
    }
    space = CallSpace([function(parameters)])
    given_both = 0
    for seed in range(60):
        space.seed(seed)
        name, arguments = drawn(space)
        assert name == "f"
        assert is_valid(parameters, arguments), arguments
        given_both += "also" in arguments
    assert 0 < given_both < 60


def test_what_refers_to_itself_ends() -> None:
    tree: dict[str, Any] = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
    }
    parameters = {
        "type": "object",
        "properties": {"tree": {"$ref": "#/$defs/tree"}},
        "required": ["tree"],
        "$defs": {"tree": tree},
    }
    space = CallSpace([function(parameters)], 0)
    assert all(is_valid(parameters, drawn(space)[1]) for _ in range(100))


@pytest.mark.parametrize("parameters", [{"type": "colour"}, {"$ref": "#/nowhere"}, {"type": 5}])
def test_a_schema_that_is_none_still_gives_a_call(parameters: dict[str, Any]) -> None:
    space = CallSpace([function({"type": "object", "properties": {"a": parameters}})], 0)
    assert all(drawn(space)[0] == "f" for _ in range(30))


def test_documented_examples_are_used_where_they_fit() -> None:
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string", "examples": ["Paris"]}},
        "required": ["city"],
    }
    space = CallSpace([function(parameters)], 0)
    cities = Counter(drawn(space)[1]["city"] for _ in range(200))
    assert 50 < cities["Paris"] < 150


def test_a_finish_that_answers_has_an_answer() -> None:
    task = Task(id="t", instruction="Nothing to call.")
    space = CallSpace(task.functions, 0)
    kinds: Counter[str] = Counter()
    for _ in range(50):
        name, arguments = drawn(space)
        assert (name, "final_answer" in arguments) == ("Finish", True)
        kinds[arguments["return_type"]] += 1
    assert set(kinds) == {"give_answer", "give_up_and_restart"}


def test_a_mask_takes_the_place_of_the_functions() -> None:
    mine, others = function({}, "mine"), function({}, "other")
    space = CallSpace([mine], 0)
    assert drawn(space) == ("mine", {})
    assert drawn(space, mask=[others])[0] == "other"
    assert drawn(space)[0] == "mine"


def test_without_functions_a_text_is_drawn() -> None:
    assert CallSpace((), 3).sample() == AnyText(3).sample()


def test_a_batch_of_spaces_takes_a_mask_for_each() -> None:
    batch = batch_space(CallSpace([function({}, "mine")], 0), 2)
    first, second = batch.sample(mask=([function({}, "a")], [function({}, "b")]))
    assert [json.loads(text)["name"] for text in (first, second)] == ["a", "b"]


DOCUMENTED = Task(
    id="t",
    instruction="Search.",
    apis=(
        API(
            category="Data",
            tool="SEO",
            name="Search",
            parameters=(
                Parameter(name="q", type="NUMBER", required=True, default="10"),
                Parameter(name="id", type="BOOLEAN", default="maybe"),
            ),
        ),
        API(
            name="known",
            function={
                "name": "known",
                "parameters": {
                    "type": "object",
                    "properties": {"a": {"type": "integer", "example_value": "5"}},
                    "required": ["", "a"],
                    "optional": [""],
                },
            },
        ),
    ),
)


@pytest.mark.parametrize("dialect", ["", "toolbench", "stabletoolbench"])
def test_samples_are_valid_calls_in_every_dialect(dialect: Any) -> None:
    functions, named = DOCUMENTED.functions, DOCUMENTED.named_apis
    if dialect:
        functions, named = compatibility_functions(DOCUMENTED, dialect)
    space = CallSpace(functions)
    resolver = Resolver(named, "suffix" if dialect else "exact")
    names: Counter[str] = Counter()
    for seed in range(100):
        space.seed(seed)
        (written,) = read_action(space.sample()).calls
        assert not resolver.resolve(written).invalid
        names[written.name] += 1
    assert len(names) == 3
