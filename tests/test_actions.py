"""Actions: everything a policy may say is read, and nothing it says raises."""

from __future__ import annotations

import copy
import json
import pickle  # noqa: TID251 -- what we pickled ourselves
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.actions import ACTION_FORMATS, ActionFormat, Resolver, read_action, read_arguments
from toolenv.apis import API, Parameter
from toolenv.episodes import FunctionCall, Message
from toolenv.errors import ConfigurationError

WEATHER = FunctionCall("weather_for_sky", '{"city":"Zürich"}')

SEARCH = API(
    category="Data",
    tool="SEO",
    name="Search",
    parameters=(
        Parameter(name="q", type="STRING", required=True),
        Parameter(name="limit", type="NUMBER"),
        Parameter(name="safe", type="BOOLEAN"),
    ),
)
DEEP_SEARCH = API(category="Data", tool="SEO", name="Deep Search")
NAMED = {"search_for_seo": SEARCH, "deep_search_for_seo": DEEP_SEARCH}


# --- what is read -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    [
        WEATHER,
        Message(calls=(WEATHER,)),
        {"name": "weather_for_sky", "arguments": {"city": "Zürich"}},
        {"name": "weather_for_sky", "arguments": '{"city":"Zürich"}'},
        {"name": "weather_for_sky", "parameters": {"city": "Zürich"}},
        {"role": "assistant", "function_call": dict(WEATHER._asdict())},
        {"role": "assistant", "content": None, "tool_calls": [{"function": WEATHER._asdict()}]},
        {"tool_calls": [{"type": "function", "function": WEATHER._asdict()}]},
        '{"name": "weather_for_sky", "arguments": {"city": "Zürich"}}',
        '  [{"name": "weather_for_sky", "arguments": {"city": "Zürich"}}]\n',
        '{"name": "weather_for_sky", "arguments": {"city": "Zürich"}}'.encode(),
        bytearray(b'{"name": "weather_for_sky", "arguments": {"city": "Z\\u00fcrich"}}'),
        'Action: weather_for_sky\nAction Input: {"city":"Zürich"}',
        '\n Action: weather_for_sky \r\n\n  Action Input: {"city":"Zürich"}</s>\n',
        '<tool_call>\n{"name": "weather_for_sky", "arguments": {"city": "Zürich"}}\n</tool_call>',
    ],
    ids=lambda action: type(action).__name__,
)
def test_one_call_however_it_is_written(action: Any) -> None:
    assert read_action(action).calls == (WEATHER,)


def test_openais_message_keeps_text_reasoning_and_the_names_of_calls() -> None:
    message = read_action(
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning_content": "It may rain.",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        }
    )
    assert message == Message(
        "Let me look.", (FunctionCall("f", "{}", "a"), FunctionCall("g", "{}", "b")), "It may rain."
    )


def test_a_message_survives_the_trip_to_openais_form_and_back() -> None:
    message = Message("Both.", (FunctionCall("f", '{"a": 1}', "x"), FunctionCall("g", "oops", "y")))
    assert read_action(message.as_openai()) == message
    assert read_action(json.dumps(message.as_openai())) == message


def test_toolllama_text_keeps_the_thought() -> None:
    message = read_action(
        'Thought: The Action: is clear.\nTwo lines.\nAction: f\nAction Input: {\n"a": 1\n}'
    )
    assert message == Message(
        "The Action: is clear.\nTwo lines.", (FunctionCall("f", '{\n"a": 1\n}'),)
    )


def test_toolllama_text_on_one_line_and_without_arguments() -> None:
    assert read_action("Thought: so. Action: f\nAction Input:") == Message(
        "so.", (FunctionCall("f", ""),)
    )


@pytest.mark.parametrize(
    "text",
    [
        "Thought: no call here",
        "Action: f",
        "Action: f\nsomething between\nAction Input: {}",
        "Preface. Action: f\nAction Input: {}",
        "Action Input: {}",
    ],
)
def test_what_is_not_quite_toolllama_stays_text(text: str) -> None:
    assert read_action(text) == Message(content=text)


def test_hermes_text_keeps_what_comes_first_and_the_order_of_calls() -> None:
    one, other = (f'<tool_call>{{"name": "{name}"}}</tool_call>' for name in "fg")
    message = read_action(f"Let me see.\n{one}\n{other} ")
    assert message == Message("Let me see.", (FunctionCall("f"), FunctionCall("g")))


def test_one_broken_hermes_block_makes_all_of_it_text() -> None:
    text = '<tool_call>{"name": "f"}</tool_call><tool_call>{"name": </tool_call>'
    assert read_action(text) == Message(content=text)


@pytest.mark.parametrize("language", ["", "json", "json  "])
def test_a_code_fence_is_removed_and_that_is_said(language: str) -> None:
    message = read_action(f'\n```{language}\n{{"name": "f"}}\n``` ')
    assert message == Message(calls=(FunctionCall("f"),), repaired="removed a code fence")


@pytest.mark.parametrize(
    "text", ['```python\n{"name": "f"}\n```', '``` {"name": "f"} ```', '```\n{"name": "f"}', "```"]
)
def test_other_fences_stay_text(text: str) -> None:
    assert read_action(text) == Message(content=text)


def test_a_named_format_reads_no_other() -> None:
    texts: dict[ActionFormat, str] = {
        "json": '{"name": "f"}',
        "toolllama": "Action: f\nAction Input: {}",
        "hermes": '<tool_call>{"name": "f"}</tool_call>',
    }
    for action_format in texts:
        for written_in, text in texts.items():
            read = read_action(text, action_format)
            assert bool(read.calls) == (action_format == written_in), (action_format, written_in)
            assert read.calls or read.content == text


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "[]", "[1]", "{}", '{"name": 5}', '[{"name": "f"}, 3]', "null", "NaN", "\ud800"],
)
def test_what_is_no_call_is_kept_as_text(text: str) -> None:
    assert read_action(text) == Message(content=text)


def test_a_message_with_one_unreadable_call_is_no_message() -> None:
    action = {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}, {"function": 3}]}
    assert read_action(action).calls == ()


def test_bytes_that_are_no_utf8_are_read_with_replacements() -> None:
    assert read_action(b"\xff\xfe{").content == "\ufffd\ufffd{"


# --- nothing raises, and nothing takes for ever ---------------------------------------------------


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


class Unprintable:
    def __repr__(self) -> str:
        raise OSError("no")


OBJECTS: list[Any] = [
    None,
    True,
    0,
    10**5000,
    float("nan"),
    float("-inf"),
    object(),
    Unprintable(),
    [],
    {},
    {1: 2},
    {"name": None},
    {"name": "f", "arguments": nested(100_000)},
    {"name": "f", "arguments": {"n": 10**5000}},
    {"name": "f", "arguments": {"when": object()}},
    {"role": "assistant", "content": ["text"]},
    {"role": "assistant", "tool_calls": "none"},
    {"function": {"function": {"name": "f"}}},
    nested(100_000),
    memoryview(b"{}"),
    Exception("x"),
    {"f"},
    b"",
    b"\xed\xa0\x80",
]


@pytest.mark.parametrize("action", OBJECTS, ids=lambda action: type(action).__name__)
def test_whatever_the_object_is_a_message_comes_out(action: Any) -> None:
    assert isinstance(read_action(action), Message)


N = 100_000


@pytest.mark.parametrize("action_format", ACTION_FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        "Thought:" + " " * N,
        "Thought:" + "\n" * N + "Action:",
        "Thought:" + "Action:" * N,
        "Thought:" + "Action:\n" * N,
        "Thought:" + "Action Input:\n" * N,
        "Action:" + "\n" * N,
        "<tool_call>" * N,
        "<tool_call>" + " " * N,
        "</tool_call>" * N,
        "```" + "\n" * N,
        "```\n" * N + "{}" + "\n```" * N,
        " " * N + "x",
        "\n" * N,
        "[" * N,
        '{"a":' * N,
        "[" * N + "]" * N,
        '{"name": "f", "arguments": ' + "[" * N + "]" * N + "}",
        '{"name": "f", "arguments": {"n": ' + "9" * N + "}}",
    ],
    ids=lambda text: text[:16].encode().decode("ascii", "replace") if isinstance(text, str) else "",
)
def test_long_hostile_text_is_read_in_one_pass(text: str, action_format: ActionFormat) -> None:
    assert isinstance(read_action(text, action_format), Message)


@given(
    st.text(alphabet='Thought:Action Input<tool_call>/{}[]"name,`\n \\ud800é', max_size=80)
    | st.text()
    | st.binary()
)
def test_any_text_or_bytes_is_read(action: str | bytes) -> None:
    for action_format in ACTION_FORMATS:
        message = read_action(action, action_format)
        assert message.calls or isinstance(action, bytes) or message.content == action


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["name", "arguments", "role", "content", "tool_calls", "function", "id", "x"]
                ),
                inner,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_value_is_read_as_a_message_of_texts(value: Any) -> None:
    read = read_action(value)
    assert isinstance(read, Message)
    if isinstance(value, dict):
        for call in read.calls:
            assert isinstance(call.name, str)
            assert isinstance(call.arguments, str)


def test_the_recursion_limit_is_left_as_it_was() -> None:
    before = sys.getrecursionlimit()
    read_action(nested(100_000))
    assert sys.getrecursionlimit() == before


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ("  \n", {}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"text": "two\nlines"}', {"text": "two\nlines"}),
        ('{"n": 123456789012345678901234567890}', {"n": 123456789012345678901234567890}),
        ('{"s": "\\ud800"}', {"s": "\ud800"}),
    ],
)
def test_arguments(text: str, arguments: dict[str, Any]) -> None:
    assert read_arguments(text) == (arguments, "")


@pytest.mark.parametrize("text", ["[]", "null", "3", '"text"', "NaN"])
def test_arguments_are_an_object(text: str) -> None:
    assert read_arguments(text) == (None, "arguments are not a JSON object")


@pytest.mark.parametrize("text", ["{", "{'a': 1}", "city=Paris", "[" * N, '{"n": ' + "9" * N + "}"])
def test_what_is_no_json_says_why(text: str) -> None:
    arguments, problem = read_arguments(text)
    assert arguments is None
    assert problem.startswith("arguments are not JSON: ")


# --- resolving ----------------------------------------------------------------------------------


def test_a_call_is_resolved_and_keeps_its_text() -> None:
    call = Resolver(NAMED).resolve(FunctionCall("search_for_seo", '{"q":  "x"}', "7"))
    assert call.api == SEARCH.identity
    assert (call.arguments, call.text, call.invalid, call.id) == (
        {"q": "x"},
        '{"q":  "x"}',
        "",
        "7",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("{}", ["q", "required"]),
        ('{"q": "x", "limit": "many"}', ["limit", "many"]),
        ('{"q": "x", "safe": "perhaps"}', ["safe"]),
        ('{"q": "x", "colour": 1}', ["colour"]),
        ('{"q": ["x"]}', ["q", '["x"]']),
        ("[]", ["not a JSON object"]),
        ('{"q": "\\ud800"}', []),
    ],
)
def test_what_does_not_fit_the_documentation_is_said(arguments: str, words: list[str]) -> None:
    call = Resolver(NAMED).resolve(FunctionCall("search_for_seo", arguments))
    assert call.api == SEARCH.identity
    assert call.invalid or not words
    assert all(word in call.invalid for word in words), call.invalid


@pytest.mark.parametrize(
    "arguments",
    ['{"q": "x", "limit": "10"}', '{"q": 5, "limit": -1e3}', '{"q": "x", "safe": "true"}'],
)
def test_values_may_be_written_as_they_travel_in_a_query(arguments: str) -> None:
    assert not Resolver(NAMED).resolve(FunctionCall("search_for_seo", arguments)).invalid


def test_an_unknown_function_has_no_api() -> None:
    call = Resolver(NAMED).resolve(FunctionCall("seo", '{"q": "x"}'))
    assert (call.function, call.api, call.arguments) == ("seo", None, {"q": "x"})


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ('{"return_type": "give_answer", "final_answer": ""}', ""),
        ('{"return_type": "give_up_and_restart"}', ""),
        ('{"return_type": "give_answer"}', "give_answer needs a final_answer"),
        ('{"final_answer": "x"}', "return_type must be"),
        ('{"return_type": ["give_answer"]}', "return_type must be"),
        ("[]", "arguments are not a JSON object"),
        ("", "return_type must be"),
        ("{", "arguments are not JSON"),
    ],
)
def test_finish(arguments: str, problem: str) -> None:
    call = Resolver(NAMED).resolve(FunctionCall("Finish", arguments))
    assert call.api is None
    assert call.invalid.startswith(problem)
    assert bool(call.invalid) == bool(problem)


@pytest.mark.parametrize(
    ("name", "resolved"),
    [
        ("deep_search_for_seo", "deep_search_for_seo"),
        ("search_for_seo", "search_for_seo"),
        ("for_seo", "search_for_seo"),
        ("p_search_for_seo", "deep_search_for_seo"),
        ("", "search_for_seo"),
        ("inish", "inish"),
        ("nothing", "nothing"),
    ],
)
def test_toolbenchs_suffix_rule(name: str, resolved: str) -> None:
    assert Resolver(NAMED, "suffix").resolve(FunctionCall(name)).function == resolved


def test_the_suffix_rule_lets_one_function_shadow_another() -> None:
    turned = dict(reversed(NAMED.items()))
    call = Resolver(turned, "suffix").resolve(FunctionCall("search_for_seo", "{}"))
    assert call.api == DEEP_SEARCH.identity


def test_an_unknown_matching_rule_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'prefix'.*'exact' or 'suffix'"):
        Resolver(NAMED, "prefix")  # type: ignore[arg-type]


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))])  # noqa: S301
def test_a_used_resolver_is_copied_and_pickled(twin: Any) -> None:
    resolver = Resolver(NAMED, "suffix")
    written = FunctionCall("for_seo", '{"q": []}')
    assert twin(resolver).resolve(written) == resolver.resolve(written)
    assert twin(resolver).resolve(written) == resolver.resolve(written)


def test_a_schema_that_is_none_says_nothing_against_arguments() -> None:
    broken = API(name="f", parameters=(Parameter(name="a", json_schema={"type": "colour"}),))
    assert not Resolver({"f": broken}).resolve(FunctionCall("f", '{"a": 1}')).invalid


@given(st.text(), st.text(), st.text())
def test_resolving_never_raises(name: str, arguments: str, identifier: str) -> None:
    for matching in ("exact", "suffix"):
        call = Resolver(NAMED, matching).resolve(FunctionCall(name, arguments, identifier))
        assert (call.text, call.id) == (arguments, identifier)
        assert (call.arguments is None) <= bool(call.invalid)


# --- arguments that are no JSON ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{'city': 'Paris'}", '{"city":"Paris"}'),
        ("{'a': True, 'b': None, 'c': [1, 2.5,],}", '{"a":true,"b":null,"c":[1,2.5]}'),
        ('{"a": 1,}', '{"a":1}'),
        ('```json\n{"a": 1}\n```', '{"a":1}'),
        ("```\n{'a': 'it\\'s'}\n```", '{"a":"it\'s"}'),
    ],
)
def test_arguments_that_can_be_read_one_way_are_written_as_json(written: str, read: str) -> None:
    for action in (
        {"name": "f", "arguments": written},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": written}}]},
        f"Thought: t\nAction: f\nAction Input: {written}",
    ):
        message = read_action(action)
        assert message.calls[0].arguments == read
        assert message.repaired == "arguments of f were no JSON"


@pytest.mark.parametrize(
    "written",
    [
        '{"city": "Par',  # cut off
        "city=Paris",
        "{'a': open('x')}",
        "{'a': {1, 2}}",
        "{'a': b'x'}",
        "{1: 2}",
        "['a']",
        "'a'",
        "(" * 5_000,
        "-" * 15_000 + "1",
        "{'a': " * 150 + "1" + "}" * 150 + "}",
    ],
)
def test_arguments_that_cannot_be_read_one_way_stay_as_written(written: str) -> None:
    message = read_action({"name": "f", "arguments": written})
    assert (message.calls[0].arguments, message.repaired) == (written, "")


def test_json_is_never_mended() -> None:
    written = '{"a": "{\'b\': True}"}'
    message = read_action({"name": "f", "arguments": written})
    assert (message.calls[0].arguments, message.repaired) == (written, "")


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
    )
)
def test_whatever_python_writes_is_read_as_it_was(value: dict[str, Any]) -> None:
    message = read_action({"name": "f", "arguments": repr(value)})
    assert read_arguments(message.calls[0].arguments)[0] == json.loads(json.dumps(value))
