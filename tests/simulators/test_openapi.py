"""An OpenAPI description answers calls, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.openapi_echo import ask, described, serving, task_of, told
from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API
from toolenv.episodes import ROOT, Branch, FunctionCall, Status
from toolenv.errors import ConfigurationError, ForkRefusedError, FormatError
from toolenv.formats import read_tasks, write_tasks, write_tools
from toolenv.jsontext import render
from toolenv.simulators import Simulator, first_of, open_simulator
from toolenv.simulators.openapi import OpenAPISimulator, open_openapi
from toolenv.simulators.web import WebLimits
from toolenv.tasks import Task
from toolenv.testing import SimulatorSuite

LOCAL = ["127.0.0.1"]

SHOP = """
  /items/{itemId}:
    get:
      operationId: getItem
      parameters:
        - {name: itemId, in: path, required: true, schema: {type: integer}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: seen, in: cookie, schema: {type: string}}
        - {name: tags, in: query, schema: {type: array, items: {type: string}}}
      responses: {"200": {description: ok, content: {application/json: {}, text/xml: {}}}}
    delete:
      operationId: dropItem
      parameters: [{name: itemId, in: path, required: true, schema: {type: integer}}]
  /items:
    post:
      operationId: addItem
      requestBody:
        required: true
        content: {application/json: {schema: {type: object, required: [itemName], properties: {
          itemName: {type: string}, size: {type: [object, "null"]}}}}}
  /list: {put: {operationId: putList, requestBody: {content: {application/merge-patch+json:
    {schema: {type: array}}}}}}
  /form: {post: {operationId: sendForm, requestBody: {content: {application/x-www-form-urlencoded: {
    schema: {type: object, properties: {text: {type: string}, many: {type: array},
      joined: {type: array}, object: {type: object}}},
    encoding: {joined: {style: pipeDelimited, explode: false}}}}}}}
  /upload: {post: {operationId: upload, requestBody: {content: {multipart/form-data: {
    schema: {type: object, properties: {note: {type: string}, file: {type: string, format: binary},
      about: {type: object}, many: {type: array}, table: {type: string}}},
    encoding: {table: {contentType: text/csv}}}}}}}
  /text: {post: {operationId: sendText, requestBody: {content: {text/plain: {schema:
    {type: string}}}}}}
  /xml: {post: {operationId: sendXml, requestBody: {content: {application/xml: {}}}}}
  /openform: {post: {operationId: openForm, requestBody: {content:
    {application/x-www-form-urlencoded: {schema: {type: object}}}}}}
  /fail/{status}: {get: {operationId: fail, parameters: [{name: status, in: path, required: true,
    schema: {type: integer}}]}}
"""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with serving() as host:
        yield host


@pytest.fixture(scope="module")
def shop(host: str) -> Iterator[tuple[OpenAPISimulator, Task]]:
    apis = described(host, SHOP)
    limits = WebLimits(attempts=1)
    with OpenAPISimulator(apis, allow_private=LOCAL, limits=limits) as simulator:
        yield simulator, task_of(apis)


# --- requests -----------------------------------------------------------------------------------


def test_every_argument_goes_where_the_description_says(
    shop: tuple[OpenAPISimulator, Task],
) -> None:
    answer = ask(*shop, "getItem", itemid=7, x_trace="abc", seen="a b", tags=["x", "y&z"])
    asked = told(answer)
    assert (asked["method"], asked["path"], asked["read"]) == (
        "GET", "/items/7", [["tags", "x"], ["tags", "y&z"]],
    )  # fmt: skip
    assert asked["headers"]["x-trace"] == "abc"
    assert asked["headers"]["cookie"] == "seen=a%20b"
    assert asked["headers"]["accept"] == "application/json"
    assert asked["body"] == ""
    assert (answer.status, answer.source, answer.origin) == (Status.OK, "live", "live")


def test_json_bodies(shop: tuple[OpenAPISimulator, Task]) -> None:
    asked = told(ask(*shop, "addItem", itemname="tea", size=None))
    assert (asked["method"], asked["body"]) == ("POST", '{"itemName":"tea","size":null}')
    assert asked["headers"]["content-type"] == "application/json"
    assert told(ask(*shop, "addItem"))["body"] == "{}"
    listed = told(ask(*shop, "putList", body=[1, {"a": 2}]))
    assert (listed["body"], listed["headers"]["content-type"]) == (
        '[1,{"a":2}]', "application/merge-patch+json",
    )  # fmt: skip
    assert "content-type" not in told(ask(*shop, "putList"))["headers"]


def test_forms(shop: tuple[OpenAPISimulator, Task]) -> None:
    given = {"text": "a&b=c é", "many": [1, 2], "joined": ["x", "y"], "object": {"k": [1]}}
    asked = told(ask(*shop, "sendForm", **given))
    assert asked["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert asked["form"] == [
        ["text", "a&b=c é"], ["many", "1"], ["many", "2"], ["joined", "x|y"],
        ["object", '{"k":[1]}'],
    ]  # fmt: skip
    free = told(ask(*shop, "openForm", body={"a": "1 2", "b": {"c": 1}}))
    assert free["form"] == [["a", "1 2"], ["b", '{"c":1}']]
    bad = ask(*shop, "openForm", body="text")
    assert bad.status is Status.BAD_INPUT and "the body must be an object" in bad.text


def test_multipart_bodies(shop: tuple[OpenAPISimulator, Task]) -> None:
    given = {
        "note": 'quo"te\r\n--x', "file": "ZÜRICH\n", "about": {"a": 1}, "many": [1, "b"],
        "table": "a,b",
    }  # fmt: skip
    asked = told(ask(*shop, "upload", **given))
    assert asked["form"] == [
        ["note", 'quo"te\r\n--x'],
        ["file", "file", "application/octet-stream", "ZÜRICH\n"],
        ["about", '{"a":1}'],
        ["many", "1"],
        ["many", "b"],
        ["table", "table", "text/csv", "a,b"],
    ]
    again = told(ask(*shop, "upload", **given))
    assert asked["headers"]["content-type"] == again["headers"]["content-type"]
    assert told(ask(*shop, "upload", many=[]))["form"] == []


def test_text_bodies(shop: tuple[OpenAPISimulator, Task]) -> None:
    asked = told(ask(*shop, "sendText", body="Grüezi"))
    assert (asked["body"], asked["headers"]["content-type"]) == (
        "Grüezi", "text/plain; charset=utf-8",
    )  # fmt: skip
    asked = told(ask(*shop, "sendXml", body="<a/>"))
    assert (asked["body"], asked["headers"]["content-type"]) == ("<a/>", "application/xml")


def test_what_cannot_be_sent_is_a_bad_call(shop: tuple[OpenAPISimulator, Task]) -> None:
    for arguments, why in (
        ({}, "itemId is missing"),
        ({"itemid": 1, "colour": "red"}, "there is no parameter 'colour'"),
    ):
        answer = ask(*shop, "getItem", **arguments)
        assert (answer.status, answer.origin) == (Status.BAD_INPUT, "environment")
        assert why in answer.text
    sent = shop[0].requests_made
    ask(*shop, "getItem")
    assert shop[0].requests_made == sent


def test_failures_are_typed_by_status(shop: tuple[OpenAPISimulator, Task]) -> None:
    statuses = {code: ask(*shop, "fail", status=code).status for code in (401, 404, 422, 500)}
    assert statuses == {
        401: Status.UNAUTHORISED,
        404: Status.NOT_FOUND,
        422: Status.BAD_INPUT,
        500: Status.SEND_ERROR,
    }


# --- servers ------------------------------------------------------------------------------------

LOCKED = """
components: {securitySchemes: {bearer: {type: http, scheme: bearer}, oauth: {type: oauth2}}}
security: [{bearer: []}, {oauth: []}]
"""
GET = "  /a: {get: {operationId: a}}\n"


def test_servers_of_an_operation_come_first_and_have_variables(host: str) -> None:
    server = f"{{url: 'http://{{where}}/{{base}}/', variables: {{where: {{default: '{host}'}}, "
    server += "base: {default: v1}}}"
    apis = described("nowhere.invalid", f"  /a: {{get: {{operationId: a, servers: [{server}]}}}}")
    task = task_of(apis)
    with OpenAPISimulator(apis, allow_private=LOCAL) as simulator:
        assert told(ask(simulator, task, "a"))["path"] == "/v1/a"
    with OpenAPISimulator(apis, variables={"base": "v2"}, allow_private=LOCAL) as simulator:
        assert told(ask(simulator, task, "a"))["path"] == "/v2/a"


def test_a_server_can_be_given(host: str) -> None:
    apis = described("nowhere.invalid", GET)
    server = f"http://{host}/base"
    with OpenAPISimulator(apis, server=server, allow_private=LOCAL) as simulator:
        assert told(ask(simulator, task_of(apis), "a"))["path"] == "/base/a"


def test_a_relative_server_must_be_completed(tmp_path: Path, host: str) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(f"openapi: 3.0.3\ninfo: {{title: T, version: '1'}}\npaths:\n{GET}")
    with pytest.raises(ConfigurationError, match=r"only in part: '/'.* server=https://host/path"):
        OpenAPISimulator(path)
    place = f"openapi:{path}?server=http://{host}&allow_private=127.0.0.1"
    simulator = open_simulator(place)
    try:
        assert isinstance(simulator, OpenAPISimulator)
        assert told(ask(simulator, task_of(list(simulator.apis)), "a"))["path"] == "/a"
    finally:
        simulator.close()


@pytest.mark.parametrize(
    "server",
    ["ftp://host/", "https://", "https://user:secret@host/", "https://host/?a=1", "host/path",
     "https://{town}.example.org", "https://host:port/"],
)  # fmt: skip
def test_what_is_no_server(server: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address of a server") as error:
        OpenAPISimulator(described("example.org", GET), server=server)
    assert "secret" not in str(error.value)


def test_private_addresses_are_refused_unless_allowed(host: str) -> None:
    apis = described(host, GET)
    with OpenAPISimulator(apis, limits=WebLimits(attempts=1)) as simulator:
        answer = ask(simulator, task_of(apis), "a")
    assert answer.status is Status.SEND_ERROR and "not public" in answer.text


# --- which APIs ---------------------------------------------------------------------------------


def test_files_made_of_a_description_answer_as_it_does(host: str, tmp_path: Path) -> None:
    apis = described(host, SHOP)
    write_tasks([task_of(apis)], tmp_path / "tasks.json")
    write_tools(apis, tmp_path / "tools")
    answers = []
    for place in (tmp_path / "tasks.json", tmp_path / "tools"):
        (task,) = read_tasks(tmp_path / "tasks.json")
        with OpenAPISimulator(place, allow_private=LOCAL) as simulator:
            answers.append(
                [
                    told(ask(simulator, task, "getItem", itemid=1, tags=["a", "b"])),
                    told(ask(simulator, task, "addItem", itemname="tea")),
                ]
            )
    assert answers[0] == answers[1]


def test_apis_of_no_description_are_left_to_the_next(host: str) -> None:
    apis = described(host, GET)
    other = API(tool="Other", name="a")
    with OpenAPISimulator(apis, allow_private=LOCAL) as simulator:
        ladder = first_of(simulator)
        task = Task(id="1", instruction="?", apis=(*apis, other))
        function = other.identity.function
        call = Resolver(task.named_apis).resolve(FunctionCall(function, "{}"))
        assert bridge.run(ladder.open(task, 1).call(call, Branch(task, [], ROOT))) is None
    with pytest.raises(ConfigurationError, match="None of these APIs comes from an OpenAPI"):
        OpenAPISimulator([other])


def test_a_call_that_changes_something_cannot_be_forked_past(host: str) -> None:
    apis = described(host, SHOP)
    task = task_of(apis)

    def called(simulator: Simulator, name: str, arguments: dict[str, Any]) -> Any:
        session = simulator.open(task, 1)
        function = next(key for key, api in task.named_apis.items() if api.name == name)
        call = Resolver(task.named_apis).resolve(FunctionCall(function, render(arguments)))
        bridge.run(session.call(call, Branch(task, [], ROOT)))
        return session

    with OpenAPISimulator(apis, allow_private=LOCAL) as simulator:
        called(simulator, "getItem", {"itemid": 1}).fork()
        with pytest.raises(ForkRefusedError, match="dropitem_for_echo"):
            called(simulator, "dropItem", {"itemid": 1}).fork()
    safe = ["dropitem_for_echo"]
    with OpenAPISimulator(apis, allow_private=LOCAL, safe_to_repeat=safe) as simulator:
        called(simulator, "dropItem", {"itemid": 1}).fork()


# --- specifications -----------------------------------------------------------------------------


def test_options_are_read_from_text(host: str, tmp_path: Path) -> None:
    write_tasks([task_of(described(host, GET, LOCKED))], tmp_path / "tasks.json")
    options = {
        "allow_private": "127.0.0.1",
        "keys": "bearer:MY_TOKEN,oauth:MY_TOKEN",
        "variables": "a:b",
        "anonymous": "yes",
        "timeout": "5",
        "safe_to_repeat": "*",
    }
    with open_openapi(str(tmp_path / "tasks.json"), options) as simulator:
        assert simulator.safe_to_repeat == {"*"}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("keys=bearer", "'bearer' is no pair"),
        ("timeout=soon", "'soon' is no number"),
        ("sever=https://example.org", "do not fit"),
    ],
)
def test_options_that_cannot_be_used(host: str, tmp_path: Path, options: str, what: str) -> None:
    write_tasks([task_of(described(host, GET, LOCKED))], tmp_path / "tasks.json")
    with pytest.raises(ConfigurationError, match=what):
        open_simulator(f"openapi:{tmp_path / 'tasks.json'}?{options}")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(FormatError, match="neither an OpenAPI description nor"):
        open_simulator(f"openapi:{tmp_path / 'a.json'}")
    with pytest.raises(FormatError, match="There is no such file"):
        open_simulator(f"openapi:{tmp_path / 'b.json'}")


def test_fingerprints_say_what_is_called_where(host: str) -> None:
    apis = described(host, SHOP)

    def fingerprint(apis: Sequence[API], **options: Any) -> str:
        with OpenAPISimulator(apis, **options) as simulator:
            return simulator.fingerprint

    assert fingerprint(apis) == fingerprint(apis[::-1])
    assert fingerprint(apis) != fingerprint(apis[1:])
    assert fingerprint(apis) != fingerprint(apis, server="https://example.org")


def test_published_descriptions_answer_calls(host: str, data: Path) -> None:
    """Every operation of the five, called at a server that says what it was asked."""
    called = 0
    for path in sorted((data / "openapi").glob("*.[jy]*")):
        server = f"http://{host}/base"
        with OpenAPISimulator(path, server=server, anonymous=True, allow_private=LOCAL) as one:
            task = task_of(list(one.apis))
            for api in one.apis:
                arguments = {p.key: _example(p.json_schema) for p in api.parameters}
                asked = told(ask(one, task, api.name, **arguments))
                assert asked["method"] == api.method and asked["path"].startswith("/base/")
                called += 1
    assert called == 33


def _example(schema: Any) -> Any:
    kind = schema.get("type")
    values: dict[Any, Any] = {"integer": 1, "number": 2, "array": ["a"], "object": {"a": 1}}
    return schema["enum"][0] if "enum" in schema else values.get(kind, "text")


class TestConformance(SimulatorSuite):
    """The contract of simulators; the server is one for all, and what it says depends on the call
    alone."""

    host: str

    @pytest.fixture(autouse=True)
    def place(self, host: str) -> None:
        self.host = host

    def make_simulator(self) -> Simulator:
        return OpenAPISimulator(described(self.host, SHOP), allow_private=LOCAL)

    def make_task(self) -> Task:
        return task_of(described(self.host, SHOP))

    def answered_calls(self) -> list[tuple[str, dict[str, object]]]:
        return [("getitem_for_echo", {"itemid": 3}), ("fail_for_echo", {"status": 404})]
