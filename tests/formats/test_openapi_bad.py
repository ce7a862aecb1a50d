"""Descriptions with errors: what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.errors import FormatError
from toolenv.formats import ReadReport
from toolenv.formats.openapi import LONGEST, parse_openapi, read_openapi

GOOD = """openapi: 3.0.3
info: {title: T, version: "1"}
paths:
  /a:
    get: {operationId: a, responses: {}}
"""


def refused(folder: Path, text: str | bytes, name: str = "api.yaml") -> FormatError:
    """How a description is refused; every refusal says what to do."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FormatError) as error:
        read_openapi(path)
    return error.value


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("", "The file is empty.", ""),
        ("swagger: '2.0'\npaths: {}", "This is Swagger 2.0; OpenAPI 3.0 and 3.1", "#/swagger"),
        ('{"swagger": "2.0"}', "This is Swagger 2.0; OpenAPI 3.0 and 3.1", "#/swagger"),
        ("openapi: 4.0.0\npaths: {}", "This is OpenAPI 4.0.0; 3.0 and 3.1", "#/openapi"),
        ("openapi: 3.2.0\npaths: {}", "This is OpenAPI 3.2.0; 3.0 and 3.1", "#/openapi"),
        ("just some text", "This is no OpenAPI description: it is text", ""),
        ("[1, 2]", "This is no OpenAPI description: it is a list", ""),
        ("info: {}", "This is no OpenAPI description: it has no key 'openapi'", ""),
        ('{"openapi": "3.0.0", ', "The file is not JSON", ""),
        ("openapi: 3.0.3\n  paths: {", "The file is not YAML", ":2:8"),
        ("openapi: 3.0.3\nopenapi: 3.0.3", "the key 'openapi' is given twice", ":2:1"),
        ("openapi: 3.0.3\na: !!python/object/apply:os.system [ls]", "could not determine a", ":2"),
        ("openapi: 3.0.3\n? [a]\n: 1", "a key is not text", ":2:3"),
        ("openapi: 3.0.3\npaths: {}", "The description has no operations", "#/paths"),
        ("openapi: 3.1.0\ninfo: {}", "The description has no operations", "#/paths"),
        ("openapi: 3.0.3\npaths: []", "Expected an object, found a list", "#/paths"),
        (b"openapi: 3.0.3\n\xff\xfe", "The file is not UTF-8", ""),
        ("openapi: 3.0.3\na: &a [*a]\n", "found unconstructable recursive node", ":2:4"),
        ("openapi: " + "[" * 100_000, "nested deeper than 200 levels", ""),
        ("{" + '"a":[' * 100_000, "The file is not JSON", ""),
    ],
)  # fmt: skip
def test_what_is_no_description(tmp_path: Path, text: str | bytes, what: str, where: str) -> None:
    error = refused(tmp_path, text)
    assert what in str(error)
    assert "api.yaml" + where in error.where


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="There is no such file"):
        read_openapi(tmp_path / "none.yaml")
    with pytest.raises(FormatError, match="This is a folder"):
        read_openapi(tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.json").open("wb") as huge:
        huge.truncate(LONGEST + 1)
    with pytest.raises(FormatError, match="descriptions of up to") as error:
        read_openapi(tmp_path / "huge.json")
    assert "Take out the paths" in error.value.fix


def test_aliases_cannot_make_much_of_little(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 12):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]")
    error = refused(tmp_path, GOOD + "\n".join(lines))
    assert "With its aliases written out, the file has more than 2,000,000 values" in error.what
    merged = ["m0: &m0 {k: 1}"] + [f"m{n}: &m{n} {{a: *m{n - 1}, b: *m{n - 1}}}" for n in range(40)]
    assert "aliases" in str(refused(tmp_path, GOOD + "\n".join(merged)))


def test_aliases_and_references_cannot_nest_without_end(tmp_path: Path) -> None:
    lines = ["x-0: &a0 {type: string}"]
    lines += [f"x-{n}: &a{n} {{items: *a{n - 1}}}" for n in range(1, 300)]
    assert "nested deeper than 200 levels" in refused(tmp_path, GOOD + "\n".join(lines)).what
    deep = "".join("{items: " for _ in range(180)) + "{$ref: '#/components/schemas/%d'}" + "}" * 180
    schemas = "".join(f"    {n}: {deep % (n + 1)}\n" for n in range(9))
    rest = f"components:\n  schemas:\n{schemas}    9: {{type: string}}\n"
    text = operation(
        "{parameters: [{name: q, in: query, schema: {$ref: '#/components/schemas/0'}}]}", rest
    )
    error = refused(tmp_path, text)
    assert error.where == f"{PLACE}/parameters/0/schema" and "Recursion limit" in error.what


def test_merging_what_was_merged_does_not_multiply(tmp_path: Path) -> None:
    lines = ["x-0: &m0 {k: 1}"]
    lines += [f"x-{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}]}}" for n in range(1, 30)]
    path = tmp_path / "api.yaml"
    path.write_text(GOOD + "\n".join(lines))
    assert [api.name for api in read_openapi(path)] == ["a"]


def test_a_few_aliases_and_merges_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(
        "x-q: &q {name: q, in: query, schema: {type: string}}\n"
        + GOOD.replace(
            "{operationId: a, responses: {}}",
            "{parameters: [*q, {<<: *q, name: r}]}",
        )
    )
    (api,) = read_openapi(path)
    assert [parameter.name for parameter in api.parameters] == ["q", "r"]


def operation(text: str, rest: str = "") -> str:
    return GOOD.replace("{operationId: a, responses: {}}", text) + rest


PLACE = "api.yaml#/paths/~1a/get"


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("{parameters: [{name: q, in: querry}]}", "Input should be 'query'", "/parameters/0/in"),
        ("{parameters: [{in: query}]}", "Field required", "/parameters/0/name"),
        ("{parameters: {name: q}}", "Expected a list", "/parameters"),
        ("{parameters: [q]}", "Expected an object, found text", "/parameters/0"),
        ("{parameters: [{name: q, in: query, style: matrix}]}", "The style 'matrix' does not exist "
         "in query", "/parameters/0/style"),
        ("{parameters: [{name: q, in: query, schema: {type: strng}}]}", '"strng" is not valid',
         "/parameters/0/schema"),
        ("{parameters: [{name: q, in: query, schema: {required: true}}]}", "true is not of type",
         "/parameters/0/schema"),
        ("{parameters: [{name: q, in: query, schema: {properties: [a]}}]}", "Expected an object",
         "/parameters/0/schema/properties"),
        ("{parameters: [{name: q, in: query, schema: {items: text}}]}", "Expected a schema, found",
         "/parameters/0/schema/items"),
        ("{requestBody: {content: []}}", "valid dictionary", "/requestBody/content"),
        ("{requestBody: {}}", "Field required", "/requestBody/content"),
        ("{operationId: {}}", "valid string", "/operationId"),
        ("{security: [{nokey: []}]}", "The security scheme 'nokey' is not described",
         "/security/0"),
        ("{servers: [{uri: x}]}", "Field required", "/servers/0/url"),
        ("text", "Expected an object, found text", ""),
    ],
)  # fmt: skip
def test_an_operation_with_an_error(tmp_path: Path, text: str, what: str, where: str) -> None:
    error = refused(tmp_path, operation(text))
    assert what in error.what
    assert error.where == PLACE + where


def test_what_is_bad_can_be_left_out(tmp_path: Path) -> None:
    rest = "  /b: {get: {operationId: b}}\n  /c: {get: {operationId: b}}\n"
    path = tmp_path / "api.yaml"
    path.write_text(operation("{parameters: [{in: query}]}", rest))
    report = ReadReport()
    apis = read_openapi(path, skip_bad=True, report=report)
    assert [api.name for api in apis] == ["b GET /b"]
    assert (report.read, [one.where for one in report.skipped]) == (
        1,
        [f"{PLACE}/parameters/0/name", "api.yaml#/paths/~1c/get/operationId"],
    )


def test_two_operations_of_one_id(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD + "  /b: {get: {operationId: a}}\n")
    assert str(error) == (
        "api.yaml#/paths/~1b/get/operationId: The operationId 'a' is that of "
        "api.yaml#/paths/~1a/get too. Give each operation its own."
    )


def test_references_in_a_circle(tmp_path: Path) -> None:
    circle = "components: {parameters: {p: {$ref: '#/components/parameters/p'}}}"
    error = refused(
        tmp_path, operation("{parameters: [{$ref: '#/components/parameters/p'}]}", circle)
    )
    assert "circle" in error.what


def test_small_errors_are_told_and_lived_with(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(
        "openapi: 3.0\n"
        "info: {}\n"
        "paths:\n"
        "  /a/{b}/{c}:\n"
        "    get:\n"
        "      parameters:\n"
        "        - {name: b, in: path, schema: {type: string}}\n"
        "        - {name: d, in: path, required: true, schema: {type: string}}\n"
        "        - {name: e, in: query}\n"
        "        - {name: Host, in: header, schema: {type: string}}\n"
        "      responses: {200: {description: 5, content: {}}}\n"
    )
    report = ReadReport()
    (api,) = read_openapi(path, report=report)
    assert api.tool == "api"
    assert [(p.key, p.required) for p in api.parameters] == [
        ("b", True), ("c", True), ("e", False),
    ]  # fmt: skip
    assert sorted(report.found) == [
        "description without a title",
        "parameter for a header that is not a parameter's to set, ignored",
        "parameter in a path that is not called required",
        "parameter of a path that nothing describes, taken as text",
        "parameter that its path does not name, ignored",
        "parameter without a schema",
    ]
    assert report.first["parameter without a schema"] == (
        "api.yaml#/paths/~1a~1{b}~1{c}/get/parameters/2"
    )


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["$ref", "parameters", "get", "name", "in", "schema", "type", "items", "allOf",
             "properties", "content", "requestBody", "responses", "security", "servers", "url"]
        )
        | st.text(max_size=3),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_values, st.sampled_from(["paths", "components", "servers", "security", "info", "get"]))
def test_any_json_is_read_or_refused(value: object, key: str) -> None:
    from toolenv.jsontext import render

    document: dict[str, object] = {"openapi": "3.1.0", "paths": {"/a": {"get": {}}}}
    if key == "get":
        document["paths"] = {"/a": {"get": value}}
    else:
        document[key] = value
    try:
        apis = parse_openapi(render(document), "https://example.org/a.json")
    except FormatError as error:
        assert error.where
    else:
        assert apis


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_openapi(text, "https://example.org/a.yaml")
