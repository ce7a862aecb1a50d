from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toolenv.jsontext import JsonValue
from toolenv.simulators.llm_reply import Envelope, ResponseCheck, read_cut_envelope, read_envelope
from toolenv.simulators.mirror_api import read_mirror_reply

PLAIN = '{"error": "", "response": {"a": [1]}}'
BODY: JsonValue = {"a": [1]}

values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(), values)
def test_what_is_written_as_asked_is_read_as_written(error: str, body: JsonValue) -> None:
    written = json.dumps({"error": error, "response": body})
    assert read_envelope(written) == read_mirror_reply(written) == Envelope(error, body)


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (PLAIN, ()),
        (f"```json\n{PLAIN}\n```", ("a code fence",)),
        (f"```\n{PLAIN}```\n", ("a code fence",)),
        (f"<think>Is {{}} right?</think>\n{PLAIN}", ("thinking before the object",)),
        (f"Here you are:\n{PLAIN}\nAnything else?", ("text around the object",)),
        (f"Here you are:\n```json\n{PLAIN}\n```", ("text around the object",)),
        (f"The set {{a}} gives {PLAIN}", ("text around the object",)),
        ('{"response": {"a": [1]}}', ("no error",)),
        ('{"error": null, "response": {"a": [1]}}', ("a null error",)),
        ('{"error": "", "response": {"a": [1]}, "status": 200}', ("further fields",)),
        ('{"mechanism_of_the_api": "", "response": {"a": [1]}, "error": ""}', ("further fields",)),
    ],
)
def test_what_has_one_reading_is_read_and_the_repair_said(
    text: str, repaired: tuple[str, ...]
) -> None:
    assert read_envelope(text) == Envelope("", BODY, repaired)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("I cannot do that.", "is not JSON"),
        (PLAIN[:-1], "is not JSON"),
        (f"{PLAIN}\n{PLAIN}", "several"),
        (f"Either {PLAIN} or {PLAIN}", "several"),
        ("[1]", "not a JSON object"),
        ('"text"', "not a JSON object"),
        ('{"result": 1}', "neither"),
        ('{"error": {"code": 1}, "response": ""}', "not a text"),
        ('{"error": true, "response": ""}', "not a text"),
        ("[" * 100_000, "is not JSON"),
        ("{" * 100_000, "is not JSON"),
    ],
    ids=range(13),
)
def test_what_has_no_reading_or_several_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_envelope(text)


@given(st.text(alphabet='{}[]"\\:,aerospn \n`1') | st.text())
@example('{"error": "", "response": "\\u12')
@example('"response": "')
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_envelope, read_cut_envelope, read_mirror_reply):
        with suppress(ValueError):
            assert isinstance(read(text).error, str)


@given(st.text(), st.booleans())
@example('back\\slash "quoted" 😀', True)
def test_a_response_text_is_read_up_to_wherever_it_was_cut(body: str, ascii_only: bool) -> None:
    whole = json.dumps({"error": "", "response": body}, ensure_ascii=ascii_only)
    start = len('{"error": "", "response": "')
    found = [read_mirror_reply(whole[:end]) for end in range(start, len(whole) - 1)]
    assert not any(read.is_whole for read in found)
    texts = [str(read.response) for read in found]
    assert all(body.startswith(text) for text in texts)
    assert texts == sorted(texts, key=len) and texts[0] == "" and texts[-1] == body


def test_only_the_style_that_expects_it_reads_what_was_cut() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        read_envelope('{"error": "", "response": "a lon')
    with pytest.raises(ValueError, match="not JSON"):
        read_mirror_reply('{"error": "", "response": {"a": "lon')


# --- the response schema --------------------------------------------------------------------------

SCHEMA: JsonValue = {
    "type": "object",
    "required": ["rows"],
    "properties": {"rows": {"type": "array", "items": {"type": "integer"}}},
}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"rows": [1]}, ""),
        ({"rows": ["1"]}, "response/rows/0 does not fit"),
        ({}, "response does not fit the response schema"),
        ("text", "response does not fit"),
    ],
)
def test_a_json_schema_is_held_against_the_body(body: JsonValue, problem: str) -> None:
    found = ResponseCheck(SCHEMA).problem(body)
    assert found.startswith(problem) and bool(found) == bool(problem)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        "x" * 1000,
        {"rows": "list of int with length 3", "name": "str"},
        {"type": "str", "properties": {"a": "int"}},
        {"type": "object", "properties": 7},
        {"$ref": "#/components/schemas/Nowhere"},
    ],
    ids=str,
)
def test_sketches_and_what_is_no_schema_are_not_held_against_it(schema: JsonValue) -> None:
    assert ResponseCheck(schema).problem({"anything": 1}) == ""


@pytest.fixture
def fetched() -> Iterator[tuple[str, list[str]]]:
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "string"}')

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", paths
    server.shutdown()
    server.server_close()


def test_a_schema_makes_nobody_fetch_anything(fetched: tuple[str, list[str]]) -> None:
    address, paths = fetched
    for reference in (f"{address}/schema.json", "file:///etc/hostname"):
        assert ResponseCheck({"$ref": reference}).problem(3) == ""
    assert paths == []
