from __future__ import annotations

import json
import random
import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.actions import read_arguments
from toolenv.apis import Identity
from toolenv.jsontext import JsonValue, parse
from toolenv.snapshots import Changes, exact_key

VECTORS = json.loads(Path(__file__).with_name("key_vectors.json").read_text("utf-8"))

texts = st.text(st.characters(codec=None), max_size=8)
numbers = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
arguments = st.dictionaries(texts, values, max_size=5)


def key_of(text: str, function: str = "f") -> bytes:
    """The key of a call whose arguments are written so."""
    return exact_key(function, read_arguments(text)[0], text)


def shuffled(value: JsonValue, order: random.Random) -> JsonValue:
    """The same JSON value with the keys of its objects in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, order)) for key, item in value.items()]
        order.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [shuffled(item, order) for item in value]
    return value


def in_form(value: JsonValue, form: Literal["NFC", "NFD"]) -> JsonValue:
    """The same JSON value with all its text in one of Unicode's normal forms."""
    if isinstance(value, str):
        return unicodedata.normalize(form, value)
    if isinstance(value, dict):
        return {unicodedata.normalize(form, k): in_form(v, form) for k, v in value.items()}
    if isinstance(value, list):
        return [in_form(item, form) for item in value]
    return value


def with_floats(value: JsonValue) -> JsonValue:
    """The same JSON value with its small integers written as floats."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    if isinstance(value, dict):
        return {key: with_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_floats(item) for item in value]
    return value


@given(arguments, st.randoms(use_true_random=False))
def test_the_order_of_keys_makes_no_difference(
    given_arguments: dict[str, JsonValue], order: random.Random
) -> None:
    other = shuffled(given_arguments, order)
    assert isinstance(other, dict)
    assert exact_key("f", given_arguments) == exact_key("f", other)


@given(arguments, st.sampled_from([None, 1, 4]), st.booleans())
def test_white_space_and_escapes_make_no_difference(
    given_arguments: dict[str, JsonValue], indent: int | None, escaped: bool
) -> None:
    text = json.dumps(given_arguments, indent=indent, ensure_ascii=escaped)
    read = parse(text)
    assert isinstance(read, dict)
    assert key_of(f" \n{text}\t ") == exact_key("f", read)


@given(arguments)
def test_equal_numbers_are_equal_however_written(given_arguments: dict[str, JsonValue]) -> None:
    floats = with_floats(given_arguments)
    assert isinstance(floats, dict)
    assert exact_key("f", given_arguments) == exact_key("f", floats)


@given(arguments)
def test_unicode_normal_forms_make_no_difference(given_arguments: dict[str, JsonValue]) -> None:
    composed, decomposed = in_form(given_arguments, "NFC"), in_form(given_arguments, "NFD")
    assert isinstance(composed, dict) and isinstance(decomposed, dict)
    assert exact_key("f", composed) == exact_key("f", decomposed)


def test_names_are_composed_before_they_are_sorted() -> None:
    composed: dict[str, JsonValue] = {"\u00e9": "1", "f": "2"}
    decomposed: dict[str, JsonValue] = {"e\u0301": "1", "f": "2"}
    assert exact_key("f", composed) == exact_key("f", decomposed)


def test_names_that_compose_alike_stay_two() -> None:
    both: dict[str, JsonValue] = {"\u00e9": "1", "e\u0301": "2"}
    swapped: dict[str, JsonValue] = {"e\u0301": "2", "\u00e9": "1"}
    crossed: dict[str, JsonValue] = {"\u00e9": "2", "e\u0301": "1"}
    assert exact_key("f", both) == exact_key("f", swapped)
    assert exact_key("f", both) != exact_key("f", crossed)


@given(arguments, arguments)
def test_different_arguments_have_different_keys(
    one: dict[str, JsonValue], other: dict[str, JsonValue]
) -> None:
    def plain(value: JsonValue) -> str:
        return json.dumps(in_form(with_exact_integers(value), "NFC"), sort_keys=True)

    assert (exact_key("f", one) == exact_key("f", other)) == (plain(one) == plain(other))


def with_exact_integers(value: JsonValue) -> JsonValue:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: with_exact_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_exact_integers(item) for item in value]
    return value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 3}', '{"a": "3"}'),
        ('{"a": "01"}', '{"a": "1"}'),
        ('{"a": "Paris"}', '{"a": "paris"}'),
        ('{"a": "x"}', '{"A": "x"}'),
        ('{"a": true}', '{"a": 1}'),
        ('{"a": null}', "{}"),
        ('{"a": ""}', "{}"),
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        ('{"a": 9007199254740993}', '{"a": 9007199254740992}'),
        ('{"a": "x "}', '{"a": "x"}'),
        ("not JSON", '"not JSON"'),
        ("[1]", "[1.0]"),
        ("{", "{ "),
    ],
)
def test_what_must_stay_different_stays_different(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


def test_functions_are_told_apart() -> None:
    assert key_of("{}", "f") != key_of("{}", "g")


@given(texts)
def test_arguments_that_are_no_object_are_keyed_by_their_text(text: str) -> None:
    assert exact_key("f", None, text) == exact_key("f", None, text)
    assert exact_key("f", None, text) != exact_key("f", None, f"{text}x")
    assert exact_key("f", None, text) != exact_key("f", {}, text)


@pytest.mark.parametrize("vector", VECTORS["calls"], ids=lambda vector: str(vector["about"]))
def test_published_vectors_of_calls(vector: dict[str, str]) -> None:
    key = exact_key(
        vector["function"],
        read_arguments(vector["arguments"])[0],
        vector["arguments"],
        bytes.fromhex(vector["changes"]),
    )
    assert key.hex() == vector["key"]


@pytest.mark.parametrize("vector", VECTORS["changes"], ids=lambda vector: str(vector["about"]))
def test_published_vectors_of_changes(vector: dict[str, object]) -> None:
    changes = Changes()
    made = vector["made"]
    assert isinstance(made, list)
    for identity, key in made:
        changes = changes.after(Identity(*identity), bytes.fromhex(key))
    asked = vector["asked"]
    assert isinstance(asked, list)
    assert changes.of(Identity(*asked)).hex() == vector["digest"]


ADD = Identity("add_for_cart", "Shop", "cart", "add")
SHOW = Identity("show_for_cart", "Shop", "cart", "show")
OTHER = Identity("add_for_list", "Shop", "list", "add")


def test_changes_are_kept_per_tool_and_in_order() -> None:
    none = Changes()
    one, two = none.after(ADD, b"1"), none.after(ADD, b"2")
    assert none.of(ADD) == b""
    assert one.of(ADD) == one.of(SHOW) != two.of(SHOW)
    assert one.of(OTHER) == b""
    assert one.after(ADD, b"2").of(ADD) != two.after(ADD, b"1").of(ADD)
    assert one.after(OTHER, b"9").of(ADD) == one.of(ADD)
    assert none.of(ADD) == b"", "changes never change"


def test_without_a_tool_the_function_keeps_its_own_changes() -> None:
    changes = Changes().after(Identity("add"), b"1")
    assert changes.of(Identity("add")) and not changes.of(Identity("show"))


def test_changes_lead_to_another_key() -> None:
    later = Changes().after(ADD, key_of("{}")).of(ADD)
    assert exact_key("f", {}, "{}", later) != key_of("{}")
    assert exact_key("f", {}, "{}", b"") == key_of("{}")
