"""The compatibility mode: schemas as ToolBench builds them, defects included."""

import json
from pathlib import Path

import pytest

from toolenv.apis import API, Parameter
from toolenv.errors import FormatError
from toolenv.formats import (
    Dialect,
    api_of_function,
    compatibility_function,
    compatibility_functions,
    read_function,
    read_instructions,
)
from toolenv.jsontext import JsonValue
from toolenv.tasks import Task


def test_published_schemas_are_rebuilt_but_for_the_fixed_sentences(data: Path) -> None:
    tasks = {
        task.id: task
        for task in read_instructions(data / "stabletoolbench/solvable_queries/G1_instruction.json")
    }
    compared = 0
    folder = data / "stabletoolbench/answers/virtual_chatgpt_dfs/G1_instruction"
    for path in sorted(folder.glob("*.json")):
        recorded = json.loads(path.read_text())["answer_generation"]["function"]
        built, _ = compatibility_functions(tasks[path.name.split("_")[0]])
        assert [f["name"] for f in built] == [f["name"] for f in recorded]
        for ours, theirs in zip(built[:-1], recorded[:-1], strict=True):
            assert json.dumps(ours["parameters"]) == json.dumps(theirs["parameters"])
            compared += 1
        theirs = recorded[-1]["parameters"]
        finish = read_function(built[-1])["parameters"]
        assert isinstance(finish, dict)
        assert finish["required"] == theirs["required"]
        assert list(finish) == list(theirs)
    assert compared == 23


def api(*parameters: Parameter, name: str = "Search", description: str = "") -> API:
    return API(
        category="Data", tool="SEO API", name=name, description=description, parameters=parameters
    )


REQUIRED = Parameter(name="id", type="NUMBER", default=0, required=True, description="d" * 300)
OPTIONAL = Parameter(name="X-Mode", type="ENUM", default="")


def test_a_schema_in_toolbenchs_form() -> None:
    schema = compatibility_function(api(REQUIRED, OPTIONAL))
    assert schema["name"] == "search_for_seo_api"
    assert schema["parameters"] == {
        "type": "object",
        "properties": {
            "is_id": {"type": "integer", "description": "d" * 256, "example_value": 0},
            "x_mode": {"type": "string", "description": ""},
        },
        "required": ["is_id"],
        "optional": ["x_mode"],
    }


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("NUMBER", "integer"), ("BOOLEAN", "boolean"), ("string", "string"), ("number", "string")],
)
def test_only_three_types_are_mapped(kind: str, shown: str) -> None:
    schema = compatibility_function(api(Parameter(name="p", type=kind, required=True)))
    assert schema["parameters"]["properties"]["p"]["type"] == shown  # type: ignore[index,call-overload]


def test_optional_parameters_vanish_where_none_is_required() -> None:
    parameters = compatibility_function(api(OPTIONAL))["parameters"]
    assert isinstance(parameters, dict)
    assert (parameters["properties"], parameters["optional"]) == ({}, [])
    ours = api(OPTIONAL).function_schema("search")["function"]
    assert "x_mode" in json.dumps(ours)


def test_stabletoolbench_wraps_and_begins_with_empty_names() -> None:
    task = Task(id="1", instruction="q", apis=(api(REQUIRED, OPTIONAL),))
    functions, called = compatibility_functions(task, "stabletoolbench")
    inner = functions[0]["function"]
    assert isinstance(inner, dict)
    assert isinstance(inner["parameters"], dict)
    assert inner["parameters"]["required"] == ["", "is_id"]
    assert inner["parameters"]["optional"] == ["", "x_mode"]
    assert read_function(functions[-1])["name"] == "Finish"
    assert list(called) == ["search_for_seo_api"]
    mended = read_function(functions[0])["parameters"]
    assert isinstance(mended, dict)
    assert mended["required"] == ["is_id"]


def test_descriptions_name_the_function_and_are_cut() -> None:
    described = compatibility_function(api(description=" Search " + "and " * 100))
    text = str(described["description"])
    assert "search_for_seo_api and" in text
    assert len(text.split(". ", 1)[1]) == 256


def test_merged_names_call_the_last_api() -> None:
    tool = "a tool with quite a long name that leaves no room for the name of its API"
    first, second = (API(category="Data", tool=tool, name=name) for name in ("first", "second"))
    functions, called = compatibility_functions(Task(id="1", instruction="q", apis=(first, second)))
    assert functions[0]["name"] == functions[1]["name"]
    assert list(called.values()) == [second]


@pytest.mark.parametrize("dialect", ["toolbench", "stabletoolbench"])
def test_a_recorded_function_is_kept_as_recorded(dialect: Dialect) -> None:
    recorded: dict[str, JsonValue] = {
        "name": "f_for_t",
        "description": "theirs",
        "parameters": {"type": "object", "properties": {}, "required": [""], "optional": [""]},
    }
    read = api_of_function({"type": "function", "function": recorded})
    assert (read.name, read.function) == ("f_for_t", recorded)
    assert read == api_of_function(recorded)
    shown = compatibility_function(read, dialect)
    assert (shown if dialect == "toolbench" else shown["function"]) == recorded


@pytest.mark.parametrize("bad", [None, "f", {}, {"function": {"description": "x"}}, {"name": 3}])
def test_what_is_no_function_is_refused(bad: object) -> None:
    with pytest.raises(FormatError):
        read_function(bad)  # type: ignore[arg-type]
