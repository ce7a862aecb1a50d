"""ToolBench's rules for names, and what ours add: legal, unique, independent of order."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.actions import Resolver
from toolenv.apis import API, Parameter
from toolenv.episodes import FunctionCall
from toolenv.names import (
    function_names,
    standard_api,
    standard_category,
    standard_parameter,
    standard_tool,
    toolbench_function_name,
)

ALLOWED = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_^")
NAMES = st.one_of(
    st.text(max_size=90),
    st.text(alphabet="ab_ -^/:.1!搜龥龦É", max_size=90),
    st.sampled_from(["", "id", "ID", "From", "class", "🎵", "../../x", "Finish", "in", "1.1 Foo"]),
)


def by_the_rules(name: str) -> str:
    """The five rules, applied one character at a time."""
    kept = "".join(c if c in ALLOWED or "\u4e00" <= c <= "\u9fa5" else "_" for c in name)
    while "__" in kept:
        kept = kept.replace("__", "_")
    kept = kept.lower().strip("_")
    return "get_" + kept if kept and kept[0] in "0123456789" else kept


@given(NAMES)
def test_tools_follow_the_five_rules(name: str) -> None:
    assert standard_tool(name) == by_the_rules(name)


@given(NAMES)
def test_apis_and_parameters_escape_seven_words(name: str) -> None:
    plain = by_the_rules(name)
    reserved = {"from", "class", "return", "false", "true", "id", "and"}
    expected = f"is_{plain}" if plain in reserved else plain
    assert standard_api(name) == standard_parameter(name) == expected


@given(NAMES)
def test_standard_names_stay_as_they_are(name: str) -> None:
    once = standard_tool(name)
    assert standard_tool(once) == once


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/tracking/:id", "tracking_id"),
        ("1.1 Foo", "get_1_1_foo"),
        ("Über API", "ber_api"),
        ("搜索 歌曲", "搜索_歌曲"),
        ("🎵", ""),
        ("a^b", "a^b"),
        ("龥龦", "龥"),
        ("import", "import"),
    ],
)
def test_examples(raw: str, expected: str) -> None:
    assert standard_api(raw) == expected


def test_reserved_words_are_no_tools_business() -> None:
    assert (standard_tool("ID"), standard_api("ID")) == ("id", "is_id")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Video, Images", "Video_Images"),
        ("Artificial Intelligence/Machine Learning", "Artificial_Intelligence_Machine_Learning"),
        ("a,  b", "a__b"),  # one pass over pairs: three become two
    ],
)
def test_categories(raw: str, expected: str) -> None:
    assert standard_category(raw) == expected


@given(NAMES, NAMES)
def test_toolbench_cuts_from_the_left(tool: str, api: str) -> None:
    whole = f"{standard_api(api)}_for_{standard_tool(tool)}"
    name = toolbench_function_name(tool, api)
    assert len(name) == min(64, len(whole))
    assert whole.endswith(name)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=8))
def test_our_names_are_legal_unique_and_reversible(apis: list[tuple[str, str, str]]) -> None:
    names = function_names(apis)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert "Finish" not in names
    assert len(set(names)) == len(set(apis))
    assert dict(zip(apis, names, strict=True)) == dict(
        zip(apis[::-1], function_names(apis[::-1]), strict=True)
    )


@given(st.text("abcdefgh", min_size=1, max_size=20), st.text("abcdefgh", min_size=1, max_size=20))
def test_ours_are_theirs_where_theirs_are_right(tool: str, api: str) -> None:
    assert function_names([("Data", tool, api)]) == [toolbench_function_name(tool, api)]


def test_names_that_toolbench_merges_stay_apart() -> None:
    tool = "a tool with quite a long name that leaves no room for the name of its API"
    theirs = {toolbench_function_name(tool, api) for api in ("first", "second")}
    ours = function_names([("Data", tool, "first"), ("Data", tool, "second")])
    assert len(theirs) == 1
    assert len(set(ours)) == 2


@pytest.mark.parametrize(
    "api",
    [
        API(name="f", parameters=tuple(Parameter(name=n, required=True) for n in ("q", "Q!"))),
        API(name="f", function={"name": "f", "parameters": {"required": ["q", "", "q"]}}),
    ],
)
def test_parameters_that_standardise_alike_are_required_once(api: API) -> None:
    resolver = Resolver({"f": api})
    assert api.arguments_schema()["required"] == ["q"]
    assert resolver.resolve(FunctionCall("f", '{"q": 1}')).invalid == ""
    assert "required" in resolver.resolve(FunctionCall("f", "{}")).invalid
