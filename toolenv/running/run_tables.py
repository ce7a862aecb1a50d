"""Runs as two tables: a row for each episode, and a row for each step, each with where it is from.

What has no fixed form is JSON text in a ``string`` column: arguments, states, the message as a
server would send it. So nothing is merged or rounded, and a step's row holds all of the step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from toolenv.episodes import Call, Episode, Response, Step, Tokens
from toolenv.formats.row_columns import Columns
from toolenv.jsontext import render
from toolenv.message_records import message_record
from toolenv.running.results import result_of

__all__ = ["EPISODES", "STEPS", "episode_row", "step_rows"]

_ORIGIN: Final[Columns] = {
    "run": "string",
    "task": "string",
    "agent": "string",
    "policy": "string",
    "seed": "int64",
    "attempt": "int64",
    "split": "string",
    "environment_fingerprint": "string",
    "agent_fingerprint": "string",
}
"""Where a row is from, in both tables. ``attempt`` is the how manieth at its episode, from 1."""

EPISODES: Final[Columns] = {
    **_ORIGIN,
    "instruction": "string",
    "outcome": "string",
    "verdict": "string",
    "reward": "float64",
    "ended": "string",
    "answer": "string",
    "steps": "int64",
    "chosen_step": "int64",
    "chosen_steps": "int64",
    "policy_calls": "int64",
    "input_tokens": "int64",
    "output_tokens": "int64",
    "api_calls": "int64",
    "money": "float64",
    "misses": "int64",
    "calls_by_source": "string",
    "calls_by_origin": "string",
}
"""The columns of episodes. ``chosen_step`` is the step that ends the chosen branch, -1 for none."""

STEPS: Final[Columns] = {
    **_ORIGIN,
    "step": "int64",
    "parent": "int64",
    "rank": "int64",
    "chosen": "bool",
    "content": "string",
    "reasoning": "string",
    "message": "string",
    "calls": [
        {
            "id": "string",
            "function": "string",
            "api_function": "string",
            "category": "string",
            "tool": "string",
            "api": "string",
            "text": "string",
            "arguments": "string",
            "invalid": "string",
            "response": "string",
            "status": "int64",
            "source": "string",
            "origin": "string",
            "completeness": "string",
            "recording": "string",
            "ordinal": "int64",
        }
    ],
    "observation": "string",
    "reward": "float64",
    "ended": "string",
    "state": "string",
    "input_tokens": "int64",
    "output_tokens": "int64",
    "tokens": {
        "ids": ["int64"],
        "texts": ["string"],
        "logprobs": ["float64"],
        "prompt_ids": ["int64"],
    },
}
"""The columns of steps. Of a call, ``text`` is what the policy wrote and ``arguments`` what was
read of it; ``api_function``, ``category``, ``tool`` and ``api`` name the API. ``message`` is the
whole message apart from its tokens. ``chosen`` says whether the step is on the chosen branch."""


def _origin(run: str, episode: Episode, attempt: int) -> dict[str, object]:
    return {
        "run": run,
        "task": episode.task.id,
        "agent": episode.agent,
        "policy": episode.policy,
        "seed": episode.seed,
        "attempt": attempt,
        "split": episode.task.split,
        "environment_fingerprint": episode.fingerprints.get("environment"),
        "agent_fingerprint": episode.fingerprints.get("agent"),
    }


def episode_row(
    run: str, episode: Episode, attempt: int = 1, verdict: str | None = None
) -> dict[str, object]:
    """An episode as a row of ``EPISODES``.

    Args:
        run: The run's name.
        episode: The episode.
        attempt: The how manieth attempt at it this is.
        verdict: What a judge decided; None where none did.
    """
    result = result_of(episode)
    return {
        **_origin(run, episode, attempt),
        "instruction": episode.task.instruction,
        "outcome": result.outcome,
        "verdict": verdict,
        "reward": result.reward,
        "ended": result.ended,
        "answer": result.answer,
        "steps": result.steps,
        "chosen_step": episode.chosen,
        "chosen_steps": result.chosen_steps,
        **result.cost._asdict(),
        "misses": result.misses,
        "calls_by_source": render(result.calls_by_source),
        "calls_by_origin": render(result.calls_by_origin),
    }


def step_rows(run: str, episode: Episode, attempt: int = 1) -> Iterator[dict[str, object]]:
    """An episode's steps as rows of ``STEPS``, in pre-order."""
    origin = _origin(run, episode, attempt)
    chosen = set(episode.branch.numbers())
    for number, step in enumerate(episode.steps):
        yield {**origin, "step": number, "chosen": number in chosen, **_step(step)}


def _step(step: Step) -> dict[str, object]:
    message = step.message
    return {
        "parent": step.parent,
        "rank": step.rank,
        "content": message.content,
        "reasoning": message.reasoning or None,
        "message": render({k: v for k, v in message_record(message).items() if k != "tokens"}),
        "calls": [
            _call(call, response) for call, response in zip(step.calls, step.responses, strict=True)
        ],
        "observation": step.observation,
        "reward": step.reward,
        "ended": step.ended,
        "state": None if step.state is None else render(step.state),
        "input_tokens": message.usage.input_tokens,
        "output_tokens": message.usage.output_tokens,
        "tokens": None if message.tokens is None else _tokens(message.tokens),
    }


def _call(call: Call, response: Response) -> dict[str, object]:
    function, category, tool, api = call.api if call.api is not None else (None,) * 4
    return {
        "id": call.id,
        "function": call.function,
        "api_function": function,
        "category": category,
        "tool": tool,
        "api": api,
        "text": call.text,
        "arguments": None if call.arguments is None else _json(call.arguments),
        "invalid": call.invalid or None,
        "response": response.text,
        "status": int(response.status),
        "source": response.source,
        "origin": response.origin,
        "completeness": response.completeness,
        "recording": response.recording or None,
        "ordinal": response.ordinal,
    }


def _json(value: object) -> str | None:
    """JSON text; None for what is nested too deeply to be written, whose text is kept anyway."""
    try:
        return render(value)
    except TypeError:
        return None


def _tokens(tokens: Tokens) -> dict[str, object]:
    return {name: list(values) for name, values in tokens._asdict().items()}
