"""OpenAPI descriptions as the APIs of a tool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from toolenv.apis import API, Parameter
from toolenv.formats import ReadReport, read_tasks, read_tools, write_tasks, write_tools
from toolenv.formats.openapi import (
    placement_of,
    read_apis,
    read_openapi,
    route_of,
)
from toolenv.jsontext import render
from toolenv.names import standard_api
from toolenv.tasks import Task

LIBRARY = """
openapi: 3.1.0
info: {title: City Library, description: Books., version: 1}
servers:
  - url: https://{town}.example.org/v2
    variables: {town: {default: bern, enum: [bern, basel]}}
tags: [{name: books}]
paths:
  /books/{bookId}:
    x-shelf: path
    parameters:
      - {name: bookId, in: path, required: true, schema: {type: string}, description: Which.}
      - {name: lang, in: query, schema: {type: string}}
    get:
      tags: [books, all]
      operationId: getBook
      summary: One book
      description: All that is known of it.
      x-cache: {seconds: 60}
      parameters:
        - {name: lang, in: query, schema: {type: [string, "null"], enum: [de, fr, no], default: de}}
        - {name: X-Trace, in: header, schema: {type: string}, x-secret: no}
        - {name: seen, in: cookie, schema: {type: array, items: {type: integer}}}
        - {name: filter, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: Authorization, in: header, schema: {type: string}}
      responses:
        "200":
          description: Found
          content: {application/json: {schema: {$ref: "#/components/schemas/Book"}}}
        "404": {description: none}
    delete:
      responses: {"204": {description: gone}}
  /books:
    post:
      operationId: addBook
      requestBody: {$ref: "#/components/requestBodies/New"}
      responses:
        "201": {content: {application/json: {schema: {$ref: "#/components/schemas/Book"}}}}
      security: []
components:
  requestBodies:
    New:
      required: true
      content:
        application/xml: {schema: {type: string}}
        application/json: {schema: {$ref: "#/components/schemas/Book"}}
  schemas:
    Book:
      type: object
      required: [title, id]
      properties:
        id: {type: integer, readOnly: true}
        title: {type: string, maxLength: 100}
        secret: {type: string, writeOnly: true}
        pages: {type: integer, minimum: 1, default: 1}
        author: {$ref: "#/components/schemas/Author"}
        quotes: {type: array, items: {$ref: "#/components/schemas/Book"}}
    Author:
      allOf:
        - {$ref: "#/components/schemas/Named"}
        - {type: object, properties: {born: {type: [integer, "null"]}}}
    Named: {type: object, required: [name], properties: {name: {type: string}}}
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    token: {type: http, scheme: Bearer}
security: [{key: [], token: []}, {}]
"""


def written(folder: Path, text: str, name: str = "api.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.fixture
def library(tmp_path: Path) -> dict[str, API]:
    apis = read_openapi(written(tmp_path, LIBRARY))
    return {api.name: api for api in apis}


def the(api: API, key: str) -> Parameter:
    return next(one for one in api.parameters if one.key == key)


# --- operations -----------------------------------------------------------------------------------


def test_an_operation_is_an_api_of_the_tool_that_the_title_names(library: dict[str, API]) -> None:
    assert list(library) == ["getBook", "DELETE /books/{bookId}", "addBook"]
    book = library["getBook"]
    assert (book.category, book.tool, book.method) == ("books", "City Library", "GET")
    assert (book.description, book.tool_description) == (
        "One book\n\nAll that is known of it.",
        "Books.",
    )
    assert book.identity.function == "getbook_for_city_library"
    assert library["DELETE /books/{bookId}"].identity.api == "delete_books_bookid"


def test_the_method_says_whether_a_call_changes_something(library: dict[str, API]) -> None:
    assert [api.changes_state for api in library.values()] == [False, True, True]


def test_names_can_be_given(tmp_path: Path) -> None:
    apis = read_openapi(written(tmp_path, LIBRARY), tool="Books", category="Reading")
    assert {(api.tool, api.category) for api in apis} == {("Books", "Reading")}


def test_parameters_come_from_the_operation_before_the_path(library: dict[str, API]) -> None:
    book = library["getBook"]
    assert [(p.key, p.type, p.required) for p in book.parameters] == [
        ("bookid", "STRING", True),
        ("lang", "ENUM", False),
        ("x_trace", "STRING", False),
        ("seen", "ARRAY", False),
        ("filter", "OBJECT", False),
    ]
    assert the(book, "lang").json_schema == {
        "type": ["string", "null"],
        "enum": ["de", "fr", "no"],  # YAML 1.1 would read the last as a boolean
        "default": "de",
    }
    assert the(book, "lang").assumed_default and not the(book, "seen").assumed_default
    assert the(book, "bookid").description == "Which."


def test_what_a_call_needs_is_kept_beside(library: dict[str, API]) -> None:
    book = library["getBook"]
    route = route_of(book)
    assert route is not None
    assert (route.path, route.tags, route.accept) == (
        "/books/{bookId}",
        ("books", "all"),
        "application/json",
    )
    assert route.servers[0].url == "https://{town}.example.org/v2"
    assert route.servers[0].variables == {"town": "bern"}
    assert route.security == (("key", "token"), ())
    assert (route.schemes["key"].place, route.schemes["token"].scheme) == ("header", "bearer")
    assert route.extensions == {"x-shelf": "path", "x-cache": {"seconds": 60}}
    placed = {p.key: placement_of(book, p) for p in book.parameters}
    assert [(p.place, p.name, p.style, p.explode) for p in placed.values() if p] == [
        ("path", "bookId", "simple", False),
        ("query", "lang", "form", True),
        ("header", "X-Trace", "simple", False),
        ("cookie", "seen", "form", True),
        ("query", "filter", "form", True),
    ]
    trace, content = placed["x_trace"], placed["filter"]
    assert trace is not None and trace.extensions == {"x-secret": "no"}
    assert content is not None and content.content_type == "application/json"
    added = route_of(library["addBook"])
    assert added is not None and added.security == ()


def test_an_object_body_is_one_parameter_per_property(library: dict[str, API]) -> None:
    added = library["addBook"]
    keys = {p.key: p.required for p in added.parameters}
    assert keys == {"title": True, "secret": False, "pages": False, "author": False,
                    "quotes": False}  # fmt: skip
    assert the(added, "pages").assumed_default
    author: Any = the(added, "author").json_schema
    assert author["allOf"][0]["required"] == ["name"]
    route = route_of(added)
    assert route is not None and route.body is not None
    assert (route.body.content_type, route.body.required) == ("application/json", True)


def test_a_schema_that_contains_itself_is_cut_there(library: dict[str, API]) -> None:
    quotes: Any = the(library["addBook"], "quotes").json_schema
    assert quotes["items"] == {"type": "object"}


def test_responses_have_no_write_only_properties(library: dict[str, API]) -> None:
    schema: Any = library["getBook"].response_schema
    assert "id" in schema["properties"] and "secret" not in schema["properties"]
    assert library["addBook"].response_schema == schema


BODIES = """
openapi: 3.0.3
info: {title: Bodies, version: "1"}
paths:
  /clash/{name}:
    put:
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      requestBody: {content: {application/json: {schema:
        {type: object, properties: {name: {type: string}}}}}}
  /list:
    post: {requestBody: {required: true, content: {application/json: {schema:
      {type: array, items: {type: integer}}}}}}
  /choice:
    post: {requestBody: {content: {application/json: {schema: {oneOf:
      [{type: object, properties: {a: {type: string}}}, {type: string}]}}}}}
  /open:
    post: {requestBody: {content: {application/json: {schema:
      {type: object, properties: {a: {}}, additionalProperties: {type: string}}}}}}
  /joined:
    post: {requestBody: {required: true, content: {application/json: {schema: {allOf: [
      {type: object, required: [a], properties: {a: {type: string}}},
      {type: object, properties: {b: {type: string}}}]}}}}}
  /xml:
    post: {requestBody: {content: {application/xml: {schema:
      {type: object, properties: {a: {type: string}}}}}}}
  /both:
    post:
      parameters: [{name: body, in: query, schema: {type: string}},
                   {name: id, in: query, schema: {type: string}},
                   {name: id, in: header, schema: {type: string}}]
      requestBody: {content: {text/plain: {schema: {type: string}}}}
"""


def test_other_bodies_are_one_parameter(tmp_path: Path) -> None:
    apis = {api.name: api for api in read_openapi(written(tmp_path, BODIES))}
    keys = {name: [p.key for p in api.parameters] for name, api in apis.items()}
    assert keys == {
        "PUT /clash/{name}": ["name", "body"],
        "POST /list": ["body"],
        "POST /choice": ["body"],
        "POST /open": ["body"],
        "POST /joined": ["a", "b"],
        "POST /xml": ["body"],
        "POST /both": ["body", "is_id", "id_in_header", "body_in_body"],
    }
    assert the(apis["POST /list"], "body").required
    assert the(apis["POST /joined"], "a").required
    assert the(apis["POST /xml"], "body").json_schema == {"type": "string"}
    placed = placement_of(apis["POST /both"], the(apis["POST /both"], "id_in_header"))
    assert placed is not None and (placed.place, placed.name) == ("header", "id")


# --- names ----------------------------------------------------------------------------------------


def test_names_stay_distinct(tmp_path: Path) -> None:
    text = """
openapi: 3.0.0
info: {title: T, version: "1"}
paths:
  /a-b: {get: {operationId: get-it}, post: {}}
  /a_b: {get: {operationId: get_it}, post: {}}
  /п: {get: {operationId: дай}}
"""
    names = [api.name for api in read_openapi(written(tmp_path, text))]
    assert names[0].startswith("get-it GET /a-b ") and names[1].startswith("POST /a-b ")
    identities = {api.identity for api in read_openapi(written(tmp_path, text))}
    assert len(identities) == 5
    assert names[4] == "дай GET /п"


@given(
    st.dictionaries(
        st.text("aA-_./{}é ", min_size=0, max_size=6).map(lambda rest: f"/{rest}"),
        st.sets(st.sampled_from(["get", "post", "put"]), min_size=1),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_any_paths_give_distinct_names(paths: dict[str, set[str]], random: Any) -> None:
    from toolenv.formats.openapi.documents import Located
    from toolenv.formats.openapi.places import OperationPlace, operation_names

    places = [
        OperationPlace(path, method, Located({}, "", ""), Located({}, "", ""))
        for path, methods in paths.items()
        for method in sorted(methods)
    ]
    names = operation_names(places)
    assert len({standard_api(name) for name in names}) == len(places)
    order = list(range(len(places)))
    random.shuffle(order)
    assert operation_names([places[n] for n in order]) == [names[n] for n in order]


# --- what becomes of it ---------------------------------------------------------------------------


def test_a_task_file_keeps_all_of_it(tmp_path: Path) -> None:
    apis = read_openapi(written(tmp_path, LIBRARY))
    task = Task(id="1", instruction="Which book?", apis=tuple(apis))
    write_tasks([task], tmp_path / "tasks.json")
    assert read_tasks(tmp_path / "tasks.json") == [task]
    assert read_apis(tmp_path / "tasks.json") == apis
    write_tasks([task], tmp_path / "tasks.jsonl")
    assert read_apis(tmp_path / "tasks.jsonl") == apis


def test_a_tool_folder_keeps_what_calls_need(tmp_path: Path) -> None:
    apis = read_openapi(written(tmp_path, LIBRARY), category="Reading")
    write_tools(apis, tmp_path / "tools")
    found = read_tools(tmp_path / "tools")
    assert [route_of(api) for api in found] == [route_of(api) for api in apis]
    assert [
        {p.key: placement_of(api, p) for p in api.parameters} for api in found
    ] == [{p.key: placement_of(api, p) for p in api.parameters} for api in apis]  # fmt: skip


def test_equal_bytes_for_equal_descriptions(tmp_path: Path) -> None:
    written(tmp_path, LIBRARY)
    program = (
        "from toolenv.formats.openapi import read_openapi; from toolenv.jsontext import render;"
        "print(render([api.model_dump() for api in read_openapi('api.yaml')]))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


# --- published descriptions -----------------------------------------------------------------------

PUBLISHED = {
    "link-example.json": 6,
    "petstore.json": 3,
    "swagger-petstore.yaml": 19,
    "uspto.json": 3,
    "xkcd.yaml": 2,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_descriptions_are_read_whole(data: Path, name: str, tmp_path: Path) -> None:
    report = ReadReport()
    apis = read_openapi(data / "openapi" / name, report=report)
    assert (len(apis), report.read, report.skipped) == (PUBLISHED[name], PUBLISHED[name], [])
    assert len({api.identity for api in apis}) == len(apis)
    for api in apis:
        Draft202012Validator(api.arguments_schema())
        assert "$ref" not in render(api.model_dump())
    task = Task(id="1", instruction="?", apis=tuple(apis))
    write_tasks([task], tmp_path / "tasks.json")
    assert read_apis(tmp_path / "tasks.json") == apis


def test_parameters_of_published_descriptions(data: Path) -> None:
    def placed(name: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for api in read_openapi(data / "openapi" / name):
            for parameter in api.parameters:
                placement = placement_of(api, parameter)
                assert placement is not None
                counts[placement.place] = counts.get(placement.place, 0) + 1
        return dict(sorted(counts.items()))

    assert {name: placed(name) for name in PUBLISHED} == {
        "link-example.json": {"path": 12, "query": 1},
        "petstore.json": {"body": 3, "path": 1, "query": 1},
        "swagger-petstore.yaml": {"body": 29, "header": 1, "path": 9, "query": 7},
        "uspto.json": {"body": 3, "path": 4},
        "xkcd.yaml": {"path": 1},
    }
