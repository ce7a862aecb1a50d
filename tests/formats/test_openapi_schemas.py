"""The schemas of a description as JSON Schema that stands alone, and where references lead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from toolenv.errors import FormatError
from toolenv.formats import ReadReport
from toolenv.formats.openapi import parse_openapi, read_openapi, route_of
from toolenv.jsontext import render


def written(folder: Path, text: str, name: str = "api.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def one_operation(schema: str, version: str = "3.0.3", rest: str = "") -> str:
    """A description whose only parameter has a schema."""
    return f"""
openapi: {version}
info: {{title: T, version: "1"}}
paths:
  /a:
    get:
      parameters:
        - name: q
          in: query
          schema: {schema}
      responses: {{}}
{rest}
"""


def the_schema(folder: Path, schema: str, version: str = "3.0.3", rest: str = "") -> Any:
    (api,) = read_openapi(written(folder, one_operation(schema, version, rest)))
    return api.parameters[0].json_schema


def test_version_3_0_says_null_in_its_own_way(tmp_path: Path) -> None:
    assert the_schema(tmp_path, "{type: string, nullable: true, enum: [a]}") == {
        "type": ["string", "null"],
        "enum": ["a", None],
    }
    rest = "components: {schemas: {N: {type: integer, description: A number.}}}"
    nullable = "{nullable: true, allOf: [{$ref: '#/components/schemas/N'}]}"
    assert the_schema(tmp_path, nullable, rest=rest) == {
        "anyOf": [{"allOf": [{"type": "integer", "description": "A number."}]}, {"type": "null"}]
    }
    # in 3.1 the word means nothing
    assert the_schema(tmp_path, "{type: string, nullable: true}", "3.1.0") == {"type": "string"}


def test_version_3_0_says_exclusive_limits_in_its_own_way(tmp_path: Path) -> None:
    schema = "{type: integer, minimum: 3, exclusiveMinimum: true, exclusiveMaximum: false}"
    assert the_schema(tmp_path, schema) == {"type": "integer", "exclusiveMinimum": 3}
    new = the_schema(tmp_path, "{type: integer, exclusiveMinimum: 3}", "3.1.1")
    assert new == {"type": "integer", "exclusiveMinimum": 3}


def test_what_stands_beside_a_reference(tmp_path: Path) -> None:
    rest = "components: {schemas: {N: {type: integer, minimum: 1, description: Old.}}}"
    beside = "{$ref: '#/components/schemas/N', description: New., minimum: 5}"
    assert the_schema(tmp_path, beside, "3.0.0", rest) == {
        "type": "integer", "minimum": 1, "description": "New.",
    }  # fmt: skip
    new = the_schema(tmp_path, beside, "3.1.0", rest)
    assert Draft202012Validator(new).is_valid(5) and not Draft202012Validator(new).is_valid(4)


def test_examples_are_shown(tmp_path: Path) -> None:
    assert the_schema(tmp_path, "{type: string, example: x, xml: {name: y}, x-a: 1}") == {
        "type": "string",
        "examples": ["x"],
    }


def test_mutual_recursion_and_wide_schemas_stay_small(tmp_path: Path) -> None:
    wide = ", ".join(f"p{n}: {{$ref: '#/components/schemas/L%d'}}" for n in range(10))
    levels = "\n".join(
        f"    L{n}: {{type: object, properties: {{{wide.replace('%d', str(n + 1))}}}}}"
        for n in range(9)
    )
    rest = f"components:\n  schemas:\n{levels}\n    L9: {{type: string}}"
    path = written(tmp_path, one_operation("{$ref: '#/components/schemas/L0'}", rest=rest))
    report = ReadReport()
    (api,) = read_openapi(path, report=report)
    assert len(render(api.parameters[0].json_schema)) < 20_000
    assert report.found["schema that is cut because it is large"] == 1
    rest = """components: {schemas: {
      A: {type: object, properties: {b: {$ref: '#/components/schemas/B'}}},
      B: {type: object, title: Bee, properties: {a: {$ref: '#/components/schemas/A'}}}}}"""
    schema = the_schema(tmp_path, "{$ref: '#/components/schemas/A'}", rest=rest)
    assert schema["properties"]["b"]["properties"]["a"] == {"type": "object"}


def test_a_pattern_that_this_machine_cannot_check_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, one_operation(r"{type: string, pattern: '(?<broken', maxLength: 3}"))
    report = ReadReport()
    (api,) = read_openapi(path, report=report)
    assert api.parameters[0].json_schema == {"type": "string", "maxLength": 3}
    assert report.found["pattern that cannot be checked, left out"] == 1


# --- references -----------------------------------------------------------------------------------


def test_references_lead_to_files_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    written(tmp_path, "A: {type: array, items: {$ref: 'more.json#/B'}}", "parts/a.yaml")
    written(tmp_path, '{"B": {"type": "integer"}, "get": {"operationId": "there"}}',
            "parts/more.json")  # fmt: skip
    rest = "  /there: {$ref: 'parts/more.json'}"
    text = one_operation("{$ref: 'parts/a.yaml#/A'}", rest=rest)
    first, second = read_openapi(written(tmp_path, text))
    assert first.parameters[0].json_schema == {"type": "array", "items": {"type": "integer"}}
    assert second.name == "there"


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("https://example.org/schemas.json#/A", "https://example.org/schemas.json, which is not"),
        ("../outside.yaml#/A", "outside the description's folder"),
        ("file:///etc/passwd", "outside the description's folder"),
        ("%2e%2e/outside.yaml", "outside the description's folder"),
        ("missing.yaml", "There is no such file"),
        ("#/components/schemas/Missing", "It refers to nothing"),
        ("#anchor", "It refers to nothing"),
    ],
)
def test_references_lead_nowhere_else(tmp_path: Path, reference: str, what: str) -> None:
    written(tmp_path, "A: {type: string}", "outside.yaml")
    (tmp_path / "inside").mkdir()
    path = written(tmp_path / "inside", one_operation(f"{{$ref: '{reference}'}}"))
    with pytest.raises(FormatError, match=what) as refused:
        read_openapi(path)
    place = "api.yaml#/paths/~1a/get/parameters/0/schema ($ref "
    assert refused.value.where.startswith(place)


def test_a_link_is_no_way_out(tmp_path: Path) -> None:
    written(tmp_path, "A: {type: string}", "outside.yaml")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    path = written(tmp_path / "inside", one_operation("{$ref: 'link.yaml#/A'}"))
    with pytest.raises(FormatError, match="outside the description's folder"):
        read_openapi(path)


def test_what_was_fetched_refers_to_itself_alone() -> None:
    text = one_operation("{$ref: 'other.yaml#/A'}")
    with pytest.raises(FormatError, match=r"https://example\.org/api/other\.yaml, which is not"):
        parse_openapi(text, "https://example.org/api/openapi.yaml")
    text = one_operation("{type: string}", rest="servers: [{url: /v1}]")
    (api,) = parse_openapi(text, "https://example.org/api/openapi.yaml")
    route = route_of(api)
    assert route is not None and route.servers[0].url == "https://example.org/v1"
