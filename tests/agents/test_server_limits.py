"""What a server can do is found out by asking it: scripted servers of several kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.chat.scripted_server import DROPPED, Reply, chat_server, completion, tool_call
from toolenv.agents import OpenAIPolicy
from toolenv.agents.policies.server_limits import MOST_REQUESTS, ServerLimits, probe
from toolenv.cli.main import app
from toolenv.errors import PolicyError

CALL = json.dumps({"name": "ping", "arguments": {}})
FUNCTIONS_REFUSED = (
    "Invalid 'tools': array too long. Expected an array with maximum length {most}, but got more."
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def refusal(said: str) -> Reply:
    return Reply({"error": {"message": said}}, 400)


@dataclass
class Server:
    """What a scripted server can do."""

    context: int | None = None
    functions: int | None = None
    functions_said: str = FUNCTIONS_REFUSED
    parses: bool = True
    refuses: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()

    def __call__(self, request: dict[str, Any]) -> Reply | dict[str, Any]:
        words = len(request["messages"][0]["content"].split())
        if self.context is not None and words > self.context:
            return refusal(
                f"This model's maximum context length is {self.context} tokens. However, you "
                f"requested {words + 1} tokens ({words} in the messages, 1 in the completion)."
            )
        for name in self.refuses:
            if name in request:
                return refusal(f"{name} is not supported.")
        tools = request.get("tools", [])
        if self.functions is not None and len(tools) > self.functions:
            return refusal(self.functions_said.format(most=self.functions))
        if request.get("tool_choice") == "required" and self.parses:
            return completion(None, tool_calls=[tool_call("ping", "{}")])
        gives = {name for name in request if name not in self.ignores}
        reply = completion(CALL if "response_format" in gives else "OK")
        choice = reply["choices"][0]
        if "logprobs" in gives:
            choice["logprobs"] = {"content": [{"token": "OK", "logprob": -0.25}]}
        if "return_token_ids" in gives:
            choice["token_ids"] = [7]
        return reply


def limits(answer: Callable[[dict[str, Any]], Any], **models: Any) -> ServerLimits:
    with chat_server(answer) as server:
        server.models = {"data": [{"id": "other", "max_model_len": 1}, {"id": "m", **models}]}
        found = probe(OpenAIPolicy("m", base_url=server.url, max_retries=0))
        assert len(server.requests) + 1 == found.requests <= MOST_REQUESTS
    return found


def test_a_server_that_can_do_everything() -> None:
    assert limits(Server(), max_model_len=4096) == ServerLimits(
        context_length=4096,
        context_from="models",
        functions=1024,
        functions_end=False,
        tool_calls="yes",
        seed="accepted",
        logprobs="yes",
        token_ids="yes",
        json_schema="yes",
        requests=8,
    )


def test_a_server_that_refuses_what_it_cannot_do_says_why() -> None:
    names = ("tool_choice", "seed", "logprobs", "return_token_ids", "response_format")
    found = limits(Server(refuses=names), max_model_len=4096)
    assert (found.tool_calls, found.seed, found.logprobs) == ("refused",) * 3
    assert (found.token_ids, found.json_schema) == ("refused",) * 2
    assert "seed is not supported" in found.notes["seed"]


def test_what_is_accepted_and_ignored_is_told_from_what_works() -> None:
    ignores = ("logprobs", "return_token_ids", "response_format")
    found = limits(Server(parses=False, ignores=ignores), max_model_len=4096)
    assert (found.tool_calls, found.logprobs) == ("ignored",) * 2
    assert (found.token_ids, found.json_schema) == ("ignored",) * 2
    assert found.seed == "accepted" and not found.notes


def test_the_context_length_is_what_the_error_says_where_the_list_does_not() -> None:
    found = limits(Server(context=32_768))
    assert (found.context_length, found.context_from) == (32_768, "error")


@pytest.mark.parametrize(
    "listed",
    [Reply({}, 404), Reply(b"<html>"), {"data": "m"}, {"data": [None, {"id": "n"}]}],
    ids=str,
)
def test_a_list_of_models_that_says_nothing_is_done_without(listed: Any) -> None:
    with chat_server(Server(context=100)) as server:
        server.models = listed
        found = probe(OpenAIPolicy("m", base_url=server.url, max_retries=0))
    assert (found.context_length, found.context_from) == (100, "error")


@pytest.mark.parametrize("said", [refusal("Too large."), Reply({}, DROPPED), completion("OK")])
def test_a_context_length_that_nobody_says_is_unknown(said: Any) -> None:
    def answer(request: dict[str, Any]) -> Any:
        return said if len(request["messages"][0]["content"]) > 100 else Server()(request)

    found = limits(answer)
    assert (found.context_length, found.context_from) == (None, "")


@pytest.mark.parametrize("said", [FUNCTIONS_REFUSED, "Too many tools."])
@pytest.mark.parametrize("most", [0, 1, 64, 128, 1023])
def test_the_number_of_functions_is_found_whether_the_server_says_it_or_not(
    most: int, said: str
) -> None:
    def answer(request: dict[str, Any]) -> Any:
        tools = len(request.get("tools", []))
        one = request.get("tool_choice") == "required"
        return completion("OK") if one or tools <= most else refusal(said.format(most=most))

    found = limits(answer, max_model_len=4096)
    assert (found.functions, found.functions_end) == (most, True)


def test_a_server_that_refuses_everything_is_an_error() -> None:
    with pytest.raises(PolicyError, match="no such model"):
        limits(lambda _: Reply({"error": {"message": "no such model"}}, 404))


def test_the_doctor_probes() -> None:
    with chat_server(Server(context=512, refuses=("seed",))) as server:
        asked = f"openai:m?base_url={server.url}&max_retries=0"
        told = CliRunner().invoke(app, ["doctor", "--json", "--probe", asked])
    (found,) = [one for one in json.loads(told.stdout)["findings"] if one["part"] == "limits"]
    assert (found["name"], found["state"], told.exit_code) == ("openai:m", "ok", 0)
    assert "context length 512 (from error), functions 1024 or more" in found["detail"]
    assert "seed refused" in found["detail"]


@pytest.mark.parametrize("policy", ["random", "openai:m?base_url=http://127.0.0.1:9/v1"])
def test_the_doctor_says_what_cannot_be_probed(policy: str) -> None:
    told = CliRunner().invoke(app, ["doctor", "--probe", f"{policy}"])
    assert told.exit_code != 0
