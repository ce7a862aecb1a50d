"""What goes over the wire for every style of OpenAPI, read back by a server of another hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulators.openapi_echo import ask, described, serving, task_of, told
from toolenv.episodes import Status
from toolenv.simulators.openapi import OpenAPISimulator
from toolenv.tasks import Task

Ask = Callable[..., Any]


def parameter(place: str, style: str, explode: bool, more: str = "") -> str:
    return (
        f"{{name: v, in: {place}, required: true, style: {style}, "
        f"explode: {str(explode).lower()}, schema: {{}}{more}}}"
    )


PLACES = {
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "path": ("simple", "label", "matrix"),
    "header": ("simple",),
    "cookie": ("form",),
}


def _paths() -> str:
    paths = []
    for place, styles in PLACES.items():
        for style in styles:
            for explode in (True, False):
                name = f"{place}/{style}/{str(explode).lower()}"
                path = f"/{name}/{{v}}" if place == "path" else f"/{name}"
                paths.append(
                    f"  {path}: {{get: {{operationId: {name}, "
                    f"parameters: [{parameter(place, style, explode)}]}}}}"
                )
    reserved = parameter("query", "form", False, ", allowReserved: true")
    paths.append(f"  /reserved: {{get: {{operationId: reserved, parameters: [{reserved}]}}}}")
    content = "{name: v, in: query, content: {application/json: {schema: {}}}}"
    paths.append(f"  /content: {{get: {{operationId: content, parameters: [{content}]}}}}")
    return "\n".join(paths)


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[OpenAPISimulator, Task]]:
    with serving() as host:
        apis = described(host, _paths())
        with OpenAPISimulator(apis, allow_private=["127.0.0.1"]) as simulator:
            yield simulator, task_of(apis)


LIST: Any = ["blue", "black", "brown"]
OBJECT: Any = {"R": 100, "G": 200, "B": 150}


@pytest.mark.parametrize(
    ("name", "text", "listed", "mapped"),
    [
        ("query/form/true", "v=blue", "v=blue&v=black&v=brown", "R=100&G=200&B=150"),
        ("query/form/false", "v=blue", "v=blue,black,brown", "v=R,100,G,200,B,150"),
        ("query/spaceDelimited/true", "v=blue", "v=blue&v=black&v=brown", "R=100&G=200&B=150"),
        (
            "query/spaceDelimited/false",
            "v=blue",
            "v=blue%20black%20brown",
            "v=R%20100%20G%20200%20B%20150",
        ),
        ("query/pipeDelimited/true", "v=blue", "v=blue&v=black&v=brown", "R=100&G=200&B=150"),
        (
            "query/pipeDelimited/false",
            "v=blue",
            "v=blue%7Cblack%7Cbrown",
            "v=R%7C100%7CG%7C200%7CB%7C150",
        ),
        (
            "query/deepObject/true",
            "v=blue",
            "v=blue&v=black&v=brown",
            "v%5BR%5D=100&v%5BG%5D=200&v%5BB%5D=150",
        ),
        ("path/simple/true", "blue", "blue,black,brown", "R=100,G=200,B=150"),
        ("path/simple/false", "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("path/label/true", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
        ("path/label/false", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
        ("path/matrix/true", ";v=blue", ";v=blue;v=black;v=brown", ";R=100;G=200;B=150"),
        ("path/matrix/false", ";v=blue", ";v=blue,black,brown", ";v=R,100,G,200,B,150"),
        ("header/simple/true", "blue", "blue,black,brown", "R=100,G=200,B=150"),
        ("header/simple/false", "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("cookie/form/true", "v=blue", "v=blue; v=black; v=brown", "R=100; G=200; B=150"),
        ("cookie/form/false", "v=blue", "v=blue,black,brown", "v=R,100,G,200,B,150"),
    ],
)
def test_the_examples_of_the_specification(
    echo: tuple[OpenAPISimulator, Task], name: str, text: str, listed: str, mapped: str
) -> None:
    """OpenAPI 3.1.1, "Style Examples"; cookies are separated as cookies are."""
    for value, expected in (("blue", text), (LIST, listed), (OBJECT, mapped)):
        asked = told(ask(*echo, name, v=value))
        sent = {
            "query": asked["query"],
            "path": asked["path"].removeprefix(f"/{name}/"),
            "header": asked["headers"].get("v"),
            "cookie": asked["headers"].get("cookie"),
        }
        assert sent[name.partition("/")[0]] == expected


def test_single_values(echo: tuple[OpenAPISimulator, Task]) -> None:
    for value, expected in ((True, "true"), (2.50, "2.5"), (10**20, "1" + "0" * 20), ("", "")):
        assert told(ask(*echo, "query/form/true", v=value))["query"] == f"v={expected}"
    assert told(ask(*echo, "query/form/true", v=None))["query"] == ""
    assert told(ask(*echo, "query/form/true", v=[]))["query"] == ""
    assert told(ask(*echo, "query/form/true", v=["a", None, [1]]))["read"] == [
        ["v", "a"], ["v", "[1]"],
    ]  # fmt: skip
    assert told(ask(*echo, "path/matrix/true", v=""))["path"].endswith("/;v")


def test_reserved_characters_travel_only_if_allowed(echo: tuple[OpenAPISimulator, Task]) -> None:
    value = "a/b?c:d@e&f#g+h=i"
    assert told(ask(*echo, "reserved", v=value))["query"] == "v=a/b?c:d@e%26f%23g%2Bh=i"
    assert told(ask(*echo, "reserved", v=value))["read"] == [["v", value]]
    strict = told(ask(*echo, "query/form/true", v=value))
    assert strict["query"] == "v=a%2Fb%3Fc%3Ad%40e%26f%23g%2Bh%3Di"


def test_a_parameter_with_a_media_type(echo: tuple[OpenAPISimulator, Task]) -> None:
    asked = told(ask(*echo, "content", v={"a": [1, "&"]}))
    assert asked["read"] == [["v", '{"a":[1,"&"]}']]


def test_deeper_objects(echo: tuple[OpenAPISimulator, Task]) -> None:
    asked = told(ask(*echo, "query/deepObject/true", v={"a": {"b": 1, "c": [2, 3]}, "d": None}))
    assert asked["read"] == [["v[a][b]", "1"], ["v[a][c]", "2"], ["v[a][c]", "3"]]


@pytest.mark.parametrize("value", [".", "..", ""])
def test_a_value_does_not_make_another_path(
    echo: tuple[OpenAPISimulator, Task], value: str
) -> None:
    answer = ask(*echo, "path/simple/true", v=value)
    assert (answer.status, answer.origin) == (Status.BAD_INPUT, "environment")
    assert f"v must not be '{value}'" in answer.text


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "é", "a\tb"])
def test_a_value_does_not_make_another_header(
    echo: tuple[OpenAPISimulator, Task], value: str
) -> None:
    answer = ask(*echo, "header/simple/true", v=value)
    assert answer.status is Status.BAD_INPUT and "printable ASCII" in answer.text


def test_a_lone_surrogate_is_refused(echo: tuple[OpenAPISimulator, Task]) -> None:
    for name in ("query/form/true", "path/simple/true", "cookie/form/true"):
        answer = ask(*echo, name, v="\ud800")
        assert answer.status is Status.BAD_INPUT and "no text may have" in answer.text


# --- read back, whatever the values are ---------------------------------------------------------

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
_over_the_wire = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _split(text: str, between: str) -> list[str]:
    return [unquote(part, errors="strict") for part in text.split(between)]


@_over_the_wire
@given(values=st.lists(_text, min_size=1, max_size=4))
def test_lists_in_queries_are_read_back(
    echo: tuple[OpenAPISimulator, Task], values: list[str]
) -> None:
    asked = told(ask(*echo, "query/form/true", v=values))
    assert asked["read"] == [["v", value] for value in values]
    together = told(ask(*echo, "query/form/false", v=values))["query"]
    assert _split(together.removeprefix("v="), ",") == values
    if not any(" " in value for value in values):
        spaced = told(ask(*echo, "query/spaceDelimited/false", v=values))["query"]
        assert _split(spaced.removeprefix("v="), "%20") == values
    if not any("|" in value for value in values):
        piped = told(ask(*echo, "query/pipeDelimited/false", v=values))["query"]
        assert _split(piped.removeprefix("v="), "%7C") == values


@_over_the_wire
@given(value=st.dictionaries(_names, _text, min_size=1, max_size=4))
def test_objects_in_queries_are_read_back(
    echo: tuple[OpenAPISimulator, Task], value: dict[str, str]
) -> None:
    assert told(ask(*echo, "query/form/true", v=value))["read"] == [list(p) for p in value.items()]
    deep = told(ask(*echo, "query/deepObject/true", v=value))["read"]
    assert deep == [[f"v[{key}]", one] for key, one in value.items()]
    flat = told(ask(*echo, "query/form/false", v=value))["query"]
    assert _split(flat.removeprefix("v="), ",") == [part for pair in value.items() for part in pair]


@_over_the_wire
@given(values=st.lists(_text, min_size=1, max_size=4))
def test_lists_in_paths_are_read_back(
    echo: tuple[OpenAPISimulator, Task], values: list[str]
) -> None:
    def last(name: str) -> str:
        path = told(ask(*echo, name, v=values))["path"]
        assert path.count("/") == 4
        return str(path.rpartition("/")[2])

    if values not in ([""], ["."], [".."]):
        assert _split(last("path/simple/true"), ",") == values
    assert _split(last("path/matrix/true")[1:], ";") == [f"v={value}" for value in values]
    if values not in ([""], ["."]):
        assert _split(last("path/label/false")[1:], ",") == values


@_over_the_wire
@given(values=st.lists(_text, min_size=1, max_size=4))
def test_lists_in_cookies_are_read_back(
    echo: tuple[OpenAPISimulator, Task], values: list[str]
) -> None:
    cookie = told(ask(*echo, "cookie/form/false", v=values))["headers"]["cookie"]
    assert _split(cookie.removeprefix("v="), ",") == values
