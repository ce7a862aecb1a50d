from __future__ import annotations

from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.episodes import Response, Status
from toolenv.jsontext import render
from toolenv.running.fidelity_metrics import (
    body_of,
    compare,
    key_agreement,
    kinds_by_path,
    type_agreement,
)
from toolenv.running.fidelity_schemas import ResponseSchema, Shape, documented_schema

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(0, 1)
    | st.text("ab/[]~", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab/[]~", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def response(body: object, error: str = "", **more: Any) -> Response:
    return Response(render({"error": error, "response": body}), **more)


FINE = response({"city": "Paris", "days": [{"high": 20}, {"high": 21, "wind": 3}]})
GONE = response("", "No such city.", status=Status.NOT_FOUND)


# --- keys and types ------------------------------------------------------------------------------


@given(values)
def test_equal_responses_score_one_wherever_a_measure_applies(body: Any) -> None:
    scores = compare(response(body), response(body))
    assert scores.equal and scores.types == 1
    assert scores.keys in (None, 1)
    assert scores.log_length in (None, 0)
    assert scores.simulated == scores.recorded


@given(values, values)
def test_agreement_is_symmetric_and_between_nothing_and_all(one: Any, other: Any) -> None:
    mine, theirs = kinds_by_path(one), kinds_by_path(other)
    keys, types = key_agreement(mine, theirs), type_agreement(mine, theirs)
    assert keys == key_agreement(theirs, mine)
    assert types == type_agreement(theirs, mine)
    assert 0 <= types <= 1 and (keys is None or 0 <= keys <= 1)
    assert (keys is None) == (not _holds_keys(one) and not _holds_keys(other))


def _holds_keys(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_keys, value))
    return isinstance(value, dict) and bool(value)


@pytest.mark.parametrize(
    ("true", "given_", "keys", "types"),
    [
        ({"a": 1, "b": 2}, {"a": 9, "b": 9}, 1, 1),
        ({"a": 1, "b": 2}, {"a": 1}, 2 / 3, 1),
        ({"a": 1}, {"b": 1}, 0, 1),  # that both are objects is what they share
        ({"a": 1}, {"a": "1"}, 1, 1 / 2),
        ({"a": 1.5}, {"a": 2}, 1, 1),  # whole numbers are numbers
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 3}]}, 1, 1),  # as many items as there are
        ({"a": [1, "x"]}, {"a": [1]}, 1, (1 + 1 + 1 / 2) / 3),
        ({"a": {"b": 1}}, {"a.b": 1}, 0, 1),
        ({"a": {"b": 1}}, {"a/b": 1}, 0, 1),  # a key with a slash is one key
        ({"a": []}, {"a": {}}, 1, 1 / 2),
        ({"a": [1]}, {"a": {"[]": 1}}, 2 / 3, 1 / 2),  # a key of that name is no list's item
        ({"a": 1}, "prose", 0, 0),
        ("prose", "other prose", None, 1),
        ({"a": None}, {"a": 1}, 1, 1 / 2),
    ],
)
def test_keys_and_types_are_counted_as_documented(
    true: Any, given_: Any, keys: float | None, types: float
) -> None:
    one, other = kinds_by_path(true), kinds_by_path(given_)
    assert key_agreement(one, other) == (keys if keys is None else pytest.approx(keys))
    assert type_agreement(one, other) == pytest.approx(types)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ('{"error":"","response":{"a":1}}', {"a": 1}),
        ('{"error": "", "response": "{\'a\': None}"}', {"a": None}),
        ('{"error": "", "response": "{\\"a\\": [1]}"}', {"a": [1]}),
        ('{"error": "", "response": "Not found"}', "Not found"),
        ('{"a":1}', {"a": 1}),
        ('{"error":"gone"}', None),
        ("no JSON at all", "no JSON at all"),
        (
            "{\"error\": \"\", \"response\": \"{'a': 1, 'b': [{'c': 2}, {'c'...",
            {"a": 1, "b": [{"c": 2}]},
        ),
    ],
)
def test_the_body_is_read_as_others_recorded_it(text: str, body: object) -> None:
    found = body_of(text)
    if text.endswith("..."):
        assert isinstance(found, dict) and found["a"] == 1 and found["b"][0] == {"c": 2}  # type: ignore[index]
    else:
        assert found == body


def test_what_was_cut_is_compared_as_far_as_it_goes() -> None:
    body = {f"key{number}": "x" * 20 for number in range(20)}
    whole = response(body)
    cut = whole._replace(text=whole.text[:200] + "...", completeness="truncated")
    scores = compare(cut, whole)
    assert scores.keys == 1 and scores.types == 1
    assert scores.log_length is None  # nobody knows how long it was
    assert compare(whole, cut).keys < 1  # type: ignore[operator]


# --- error and success, length -------------------------------------------------------------------


def test_success_and_error_are_told_by_structure() -> None:
    assert (compare(FINE, GONE).recorded, compare(FINE, GONE).simulated) == ("success", "error")
    hidden = response({"message": "Endpoint does not exist"})
    assert compare(GONE, hidden).simulated == "error"
    assert compare(FINE, response("")).simulated == "unknown"


def test_length_is_that_of_the_body_however_it_is_written() -> None:
    python = Response('{"error": "", "response": "{\'a\':  1}"}')
    assert compare(response({"a": 1}), python).log_length == 0
    assert compare(response("ab"), response("abcd")).log_length == pytest.approx(log(2))
    assert compare(response("ab"), response("")).log_length is None


# --- schemas -------------------------------------------------------------------------------------


def test_schemas_are_asked_of_recorded_successes_alone() -> None:
    stated = ResponseSchema({"type": "object", "required": ["city"]})
    assert compare(FINE, FINE, document=stated).fits_document is True
    assert compare(FINE, GONE, document=stated).fits_document is False
    assert compare(GONE, FINE, document=stated).fits_document is None
    assert compare(FINE, FINE, shape=stated).fits_recorded is True
    assert compare(FINE, FINE, document=stated, shape=stated).fits_recorded is None


@pytest.mark.parametrize(
    ("document", "body", "fits"),
    [
        ({"city": "str", "days": [{"high": "int", "_list_length": 2}]}, FINE, True),
        ({"city": "str", "days": "empty list"}, FINE, True),
        ({"city": "int"}, FINE, False),
        ({"town": "str"}, FINE, False),
        ({"city": "NoneType", "days": ["list of str with length 3"]}, FINE, False),
        ({"type": "object", "properties": {"city": {"type": "integer"}}}, FINE, False),
        ({"type": "object", "properties": {"city": {"type": "string"}}}, FINE, True),
        ({"type": "str"}, response({"type": "x"}), True),  # a sketch with a key of that name
    ],
)
def test_documents_state_json_schemas_or_sketches(
    document: Any, body: Response, fits: bool
) -> None:
    schema = documented_schema(document)
    assert schema is not None and schema.fits(body_of(body.text)) is fits


@pytest.mark.parametrize(
    "document",
    [None, {}, "{'city': 'str', 'da", {"type": 7}, [], {"$ref": "http://127.0.0.1:9/schema"}],
)
def test_some_documents_state_nothing(document: Any) -> None:
    assert documented_schema(document) is None


@given(st.lists(values, min_size=1, max_size=4), values)
def test_what_was_recorded_fits_what_it_has_in_common(bodies: list[Any], cut: Any) -> None:
    shape = Shape()
    for body in bodies:
        shape.add(body)
    shape.add(cut, whole=False)
    schema = ResponseSchema(shape.as_schema())
    assert all(map(schema.fits, bodies))


def test_a_key_is_required_that_every_whole_response_has() -> None:
    shape = Shape()
    bodies: list[Any] = [{"a": 1, "b": 2}, {"a": 1, "c": [1]}]
    for body in bodies:
        shape.add(body)
    shape.add({"c": ["x"]}, whole=False)
    schema = ResponseSchema(shape.as_schema())
    assert schema.fits({"a": 5, "more": True}) and schema.fits({"a": 1, "c": ["x"]})
    assert not schema.fits({"b": 2}) and not schema.fits({"a": "1"})
