"""Schemas from outside are compiled, and nothing that they name is fetched or opened."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from toolenv.apis import API, Parameter
from toolenv.env import ToolEnv
from toolenv.json_schemas import compile_schema
from toolenv.jsontext import JsonValue
from toolenv.simulators import LocalSimulator
from toolenv.tasks import Task


def test_a_schema_may_refer_to_its_own_parts() -> None:
    schema: dict[str, JsonValue] = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}
    validator = compile_schema(schema)
    assert validator.is_valid(3) and not validator.is_valid("3")


def test_what_it_names_is_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "integer"}')
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/schema.json"
        for reference in (address, (tmp_path / "schema.json").as_uri()):
            with pytest.raises(ValueError, match="is not fetched"):
                compile_schema({"$ref": reference})
        with pytest.raises(TimeoutError):
            listening.accept()


def test_an_environment_of_such_a_document_fetches_nothing_and_accepts_what_is_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/schema.json"
        parameter = Parameter(name="q", json_schema={"$ref": address})
        task = Task(id="1", instruction="?", apis=(API(name="search", parameters=(parameter,)),))
        env = ToolEnv([task], LocalSimulator([]))
        env.reset(seed=0)
        (name,) = task.named_apis
        *_, info = env.step({"name": name, "arguments": {"q": 1}})
        assert info["status"] == 100  # a miss, and no refusal of the arguments
        with pytest.raises(TimeoutError):
            listening.accept()
