"""Log-probabilities and token ids: asked for, read, and kept in the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.agents.chat_server import TASK, no_proxy, said
from tests.chat.scripted_server import chat_server, completion, tool_call
from toolenv.agents import OpenAIPolicy, ReACT, RecordedPolicy
from toolenv.apis import FINISH
from toolenv.env import ToolEnv
from toolenv.episodes import Tokens
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run
from toolenv.snapshots import Store

__all__ = ["no_proxy"]

ANSWER = tool_call(FINISH, '{"return_type":"give_answer","final_answer":"42"}', "c1")
TOKENS = Tokens((15, 2), ("4", "2"), (-0.1, -2.5e-09), (1, 2, 3))


def with_tokens(logprobs: Any = None, ids: Any = None, prompt_ids: Any = None) -> dict[str, Any]:
    reply = completion(None, tool_calls=[ANSWER])
    reply["choices"][0] |= {"logprobs": logprobs, "token_ids": ids}
    return {**reply, "prompt_token_ids": prompt_ids}


GIVEN = with_tokens(
    {"content": [{"token": "4", "logprob": -0.1}, {"token": "2", "logprob": -2.5e-09}]},
    [15, 2],
    [1, 2, 3],
)


def test_they_are_asked_for_only_where_wanted() -> None:
    with chat_server([GIVEN]) as server:
        for logprobs, ids in ((False, False), (True, False), (False, True)):
            policy = OpenAIPolicy("m", base_url=server.url, logprobs=logprobs, token_ids=ids)
            assert ReACT(policy).run(ToolEnv([TASK]), TASK).answer == "42"
        asked = [{"logprobs", "return_token_ids"} & set(request) for request in server.requests]
    assert asked == [set(), {"logprobs"}, {"return_token_ids"}]


def test_what_the_server_gives_is_read() -> None:
    assert said(GIVEN).tokens == TOKENS
    assert said(with_tokens(ids=[7])).tokens == Tokens(ids=(7,))
    assert said(with_tokens()).tokens is None


@pytest.mark.parametrize(
    "logprobs",
    [
        "text",
        {"content": None},
        {"content": [None]},
        {"content": [{"token": "4"}]},
        {"content": [{"token": 4, "logprob": -1}]},
        {"content": [{"token": "4", "logprob": "low"}]},
        {"content": [{"token": "4", "logprob": True}]},
        {"content": [{"token": "4", "logprob": -(10**400)}]},
        {"content": [{"token": "4", "logprob": -0.1}, {"token": "2"}]},
    ],
    ids=str,
)
@pytest.mark.parametrize("ids", ["text", [1.5], [True], [-1], [None], {}], ids=str)
def test_what_is_none_is_not_kept(logprobs: Any, ids: Any) -> None:
    assert said(with_tokens(logprobs, ids, ids)).tokens is None


def test_they_survive_the_journal_and_recorded_completions(tmp_path: Path) -> None:
    with chat_server([GIVEN]) as server:
        asked = f"openai:m?base_url={server.url}&logprobs=true&token_ids=true"
        configuration = RunConfiguration(
            policies=(asked,), first=1, completions=str(tmp_path / "completions")
        )
        folder = run(configuration, tmp_path / "run")
        (episode,) = folder.episodes()
        policy = OpenAIPolicy("m", base_url=server.url, logprobs=True, token_ids=True)
    assert episode.steps[0].message.tokens == TOKENS
    with Store(tmp_path / "completions") as store:
        replayed = ReACT(RecordedPolicy(policy, store)).run(ToolEnv(), episode.task.id)
    assert replayed.steps[0].message.tokens == TOKENS


def test_a_journal_without_them_does_not_mention_them(tmp_path: Path) -> None:
    with chat_server([completion(None, tool_calls=[ANSWER])]) as server:
        asked = f"openai:m?base_url={server.url}"
        run(RunConfiguration(policies=(asked,), first=1), tmp_path / "run")
    with zstandard.open(tmp_path / "run" / "journal.jsonl.zst", "rt", encoding="utf-8") as file:
        steps = [line for line in file if '"record":"step"' in line]
    assert len(steps) == 1 and '"tokens"' not in steps[0]
    assert json.loads(steps[0][steps[0].index("{") :])["message"].keys() == {
        "content",
        "calls",
        "usage",
    }
