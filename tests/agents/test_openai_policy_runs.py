"""Whatever a policy's server does, each episode of the run ends with a reason, and others go on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.chat.scripted_server import (
    DROPPED,
    ChatServer,
    Reply,
    chat_server,
    completion,
    tool_call,
)
from toolenv.apis import FINISH
from toolenv.episodes import Episode, Status
from toolenv.mini import mini_tasks
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run

CALLS, API_CALLS, STEPS = 6, 50, 4
ANSWER = completion(
    None, tool_calls=[tool_call(FINISH, '{"return_type":"give_answer","final_answer":"42"}', "c1")]
)
HTML = (("Content-Type", "text/html"),)
WAIT = (("Content-Type", "application/json"), ("Retry-After", "1"))
AT_ONCE = (("Content-Type", "application/json"), ("retry-after-ms", "1"))
OVERLOADED = {"error": {"message": "overloaded"}}


def named(request: dict[str, Any]) -> str:
    name: str = request["tools"][0]["function"]["name"]
    return name


def half_a_call(request: dict[str, Any]) -> dict[str, Any]:
    return completion(
        None, tool_calls=[tool_call(named(request), '{"city": "Lis')], finish_reason="length"
    )


def ten_thousand_calls(request: dict[str, Any]) -> dict[str, Any]:
    return completion(
        None, tool_calls=[tool_call(named(request), "{}", f"c{n}") for n in range(10_000)]
    )


BEHAVIOURS: dict[str, tuple[object, str]] = {
    "drops the connection in mid-reply": (Reply(ANSWER, cut_to=60), "error:policy: "),
    "drops the connection at once": (Reply({}, DROPPED), "error:policy: "),
    "hangs": (threading.Event, "error:policy: "),
    "drips": (Reply(b"{", drips=True), "error:policy: "),
    "sends a page": (Reply(b"<html>Bad gateway</html>", headers=HTML), "error:policy: "),
    "sends a page as an error": (Reply(b"<html>", 502, (*HTML, AT_ONCE[1])), "error:policy: "),
    "sends garbage": (Reply(b"\x00\xff{"), "error:policy: "),
    "sends no choice": ({"choices": []}, "error:policy: "),
    "refuses": (completion(None, refusal="I cannot help with that."), "limit:steps"),
    "says nothing": (completion(None), "limit:steps"),
    "filters": (completion(None, finish_reason="content_filter"), "error:policy: "),
    "breaks off in a call": (half_a_call, "limit:steps"),
    "calls ten thousand at once": (ten_thousand_calls, "limit:api_calls"),
    "limits the rate and then answers": ([Reply(OVERLOADED, 429, WAIT), ANSWER], "answer"),
    "fails and then answers": ([Reply(OVERLOADED, 500, AT_ONCE), ANSWER], "answer"),
    "finds it too long whatever it is": (
        Reply({"error": {"message": "context_length_exceeded"}}, 400),
        "error:policy: ",
    ),
    "answers": (ANSWER, "answer"),
}
"""What a server does, task by task, and how the episode ends."""

TASKS = mini_tasks()[: len(BEHAVIOURS)]


class Unsteady:
    """Does something else for each task; knows no model but ``m``."""

    def __init__(self, stopping: Callable[[], threading.Event]) -> None:
        self._stopping = stopping
        self._asked: Counter[str] = Counter()
        self._by_instruction = {
            task.instruction: (name, does)
            for task, (name, (does, _)) in zip(TASKS, BEHAVIOURS.items(), strict=True)
        }

    def __call__(self, request: dict[str, Any]) -> Reply | dict[str, Any]:
        if request["model"] != "m":
            return Reply({"error": {"message": "The model does not exist."}}, 404)
        task = next(m["content"] for m in request["messages"] if m["role"] == "user")
        name, does = self._by_instruction[task]
        if does is threading.Event:
            self._stopping().wait(30)
            return ANSWER
        if isinstance(does, list):
            at, self._asked[name] = self._asked[name], self._asked[name] + 1
            does = does[min(at, len(does) - 1)]
        reply: Any = does(request) if callable(does) else does
        return reply  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Episode]]:
    """Every episode of one run, by policy and by what the server did."""
    server: ChatServer
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "127.0.0.1")
        with chat_server(Unsteady(lambda: server.stopping)) as server:
            asked = f"base_url={server.url}&timeout=2&max_retries=1"
            configuration = RunConfiguration(
                policies=(f"openai:m?{asked}", f"openai:unknown?{asked}"),
                only=tuple(task.id for task in TASKS),
                max_steps=STEPS,
                policy_calls=CALLS,
                api_calls=API_CALLS,
                concurrency=2 * len(TASKS),
            )
            folder = run(configuration, tmp_path_factory.mktemp("runs") / "run")
    names = {task.id: name for task, name in zip(TASKS, BEHAVIOURS, strict=True)}
    yield {
        (episode.policy.split("?")[0], names[episode.task.id]): episode
        for episode in folder.episodes()
    }


def test_every_episode_is_recorded(episodes: dict[tuple[str, str], Episode]) -> None:
    assert len(episodes) == 2 * len(BEHAVIOURS)


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_it_ends_within_the_budget_with_a_reason(
    name: str, episodes: dict[tuple[str, str], Episode]
) -> None:
    episode = episodes["openai:m", name]
    _, ended = BEHAVIOURS[name]
    assert episode.ended.startswith(ended)
    assert len(episode.ended) > len("error:policy: ") or not ended.startswith("error")
    assert episode.cost.policy_calls <= CALLS and episode.cost.api_calls <= API_CALLS
    assert (episode.answer == "42") == (ended == "answer")
    if ended.startswith("error"):
        assert episode.outcome == "infrastructure_error"
        assert "m at http://127.0.0.1:" in episode.ended


def test_no_more_is_called_than_may_be_spent(episodes: dict[tuple[str, str], Episode]) -> None:
    (step,) = episodes["openai:m", "calls ten thousand at once"].steps
    refused = [response for response in step.responses if "Not called" in response.text]
    assert (len(step.responses), len(refused)) == (10_000, 10_000 - API_CALLS)


def test_a_model_that_is_unknown_says_so(episodes: dict[tuple[str, str], Episode]) -> None:
    for name in BEHAVIOURS:
        ended = episodes["openai:unknown", name].ended
        assert ended.startswith("error:policy: ") and "does not exist" in ended


def test_what_was_said_is_in_the_record(episodes: dict[tuple[str, str], Episode]) -> None:
    refused = episodes["openai:m", "refuses"]
    assert refused.steps[0].message.content == "I cannot help with that."
    (broken, *_) = episodes["openai:m", "breaks off in a call"].steps
    assert broken.responses[0].status is Status.BAD_INPUT
    assert broken.calls[0].text == '{"city": "Lis'
    assert "content filter" in episodes["openai:m", "filters"].ended
