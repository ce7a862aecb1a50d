"""JSON text: one behaviour where libraries differ, in both directions."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.jsontext import parse, render, render_sorted

# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, -1, 2**53 + 1, 2**64, -(10**400), 10**4299])
def test_integers_are_exact(number: int) -> None:
    assert parse(str(number)) == number
    assert type(parse(str(number))) is int


@pytest.mark.parametrize("text", ["1" * 4301, "-" + "1" * 4301, '{"n": ' + "1" * 100_000 + "}"])
def test_integers_of_more_digits_than_python_reads_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.0", 1.0), ("1e3", 1000.0), ("-0.0", -0.0), ("1e999", math.inf), ("-Infinity", -math.inf)],
)
def test_floats(text: str, number: float) -> None:
    value = parse(text)
    assert isinstance(value, float)
    assert (value, math.copysign(1, value)) == (number, math.copysign(1, number))


def test_nan_is_read() -> None:
    value = parse("[NaN]")
    assert isinstance(value, list)
    assert math.isnan(value[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": 1, "a": "\\ud800"}', {"a": "\ud800"}),
        ('"\\ud800"', "\ud800"),
        ('"\\ud83d\\ude00"', "😀"),
        ('{"\\udfff": []}', {"\udfff": []}),
        (b'"\xc3\xa9"', "é"),
        (" [ ] \n", []),
    ],
)
def test_texts(text: str | bytes, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "[1,]", "{'a': 1}", "nul", "01", "1 2", '"\n"', "\ufeff1", "\ud800", b"\xff"],
)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_raw_line_breaks_are_read_on_request() -> None:
    assert parse('{"a": "1\n2\t3"}', strict=False) == {"a": "1\n2\t3"}


@pytest.mark.parametrize(("left", "right"), ["[]", ('{"a":', "}")])
@pytest.mark.parametrize("surrogate", ["1", '"\\ud800"'])
def test_nesting_is_read_up_to_a_stated_depth(left: str, right: str, surrogate: str) -> None:
    """Whichever of the two parsers gets to read it."""
    deepest = left * 199 + surrogate + right * 199
    parse(deepest)
    for levels in (201, 1_000, 100_000):
        with pytest.raises(ValueError, match=r"."):
            parse(left * levels + surrogate + right * levels)


# --- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "é"]}, '{"b":1,"a":[true,null,"é"]}'),
        (2**70, "1180591620717411303424"),
        ([math.nan, math.inf, -math.inf], "[null,null,null]"),
        ([math.nan, 2**70, (1, 2)], "[null,1180591620717411303424,[1,2]]"),
        ("\ud800", '"\\ud800"'),
        ({"\udfff": "\\\ud800"}, '{"\\udfff":"\\\\\\ud800"}'),
        (1.0, "1.0"),
        (1e22, "1e+22"),
        ("\u2028\x7f\x00", '"\u2028\x7f\\u0000"'),
    ],
)
def test_rendering(value: Any, text: str) -> None:
    assert render(value) == text


def test_dataclasses_are_written_as_objects() -> None:
    @dataclass
    class Point:
        x: int
        y: int

    assert render(Point(1, 2)) == '{"x":1,"y":2}'


def test_sorted_keys_are_in_the_order_of_code_points() -> None:
    value = {"b": 1, "a": {"é": 1, "z": 2**70}, "B": "\ud800", "\U0001f3b5": 0, "\uffee": 0}
    text = render_sorted(value)
    assert text == (
        '{"B":"\\ud800","a":{"z":1180591620717411303424,"é":1},"b":1,"\uffee":0,"\U0001f3b5":0}'
    )
    del value["B"], value["a"]
    assert render_sorted(value) == '{"b":1,"\uffee":0,"\U0001f3b5":0}'


def looped() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, b"bytes", {(1, 2): 3}, looped(), nested(100_000), [10**5000]]
)
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    for write in (render, render_sorted):
        with pytest.raises(TypeError):
            write(value)


# --- both ----------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=())).filter(
    lambda text: text == text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
"""A high surrogate before a low one is, in JSON, the character that the two encode."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=30,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert parse(render(value)) == value
    assert parse(render_sorted(value)) == value
    assert parse(render(value).encode()) == value
    assert json.loads(render(value)) == value


@given(VALUES)
def test_written_text_is_fit_for_files_and_the_same_again(value: Any) -> None:
    text = render(value)
    text.encode()
    assert "\n" not in text
    assert render(parse(text)) == text


@given(st.dictionaries(TEXTS, st.integers()))
def test_sorting_forgets_the_order_of_keys(value: dict[str, int]) -> None:
    assert render_sorted(value) == render_sorted(dict(reversed(value.items())))
    read = parse(render_sorted(value))
    assert isinstance(read, dict)
    assert list(read) == sorted(value)


@given(st.text() | st.binary())
def test_reading_raises_nothing_but_value_errors(text: str | bytes) -> None:
    for strict in (True, False):
        try:
            value = parse(text, strict=strict)
        except ValueError:
            continue
        render(value)
