"""A branch as a conversation, in the form of OpenAI's chat completions."""

from __future__ import annotations

from typing import cast

from toolenv.episodes import Branch, Call, Response, Step
from toolenv.jsontext import JsonValue

__all__ = ["SYSTEM_PROMPT", "conversation", "observe", "opening", "step_messages"]

SYSTEM_PROMPT = (
    "You solve the user's request by calling functions. Call what you need, read what comes back, "
    "and correct yourself when a call fails. When you know the answer, call Finish with "
    "return_type give_answer and a final_answer that stands on its own; when there is no way to "
    "get it with these functions, call Finish with return_type give_up_and_restart."
)


def opening(instruction: str, system_prompt: str = SYSTEM_PROMPT) -> list[dict[str, JsonValue]]:
    """The messages before the first decision; without a system message if the prompt is empty."""
    user: dict[str, JsonValue] = {"role": "user", "content": instruction}
    return [{"role": "system", "content": system_prompt}, user] if system_prompt else [user]


def step_messages(step: Step, number: int) -> list[dict[str, JsonValue]]:
    """A step's assistant message and what answered it.

    Calls that the policy left unnamed are named by the step's place on its path. The message's
    reasoning goes with it as ``reasoning_content``; whether a model reads it again is for its
    policy to say.

    Args:
        step: The step.
        number: Its place on its path, from 0.
    """
    message = step.message
    said = message.as_openai(number)
    if message.reasoning:
        said["reasoning_content"] = message.reasoning
    messages = [said]
    if message.calls:
        written = cast("list[dict[str, JsonValue]]", said["tool_calls"])
        for place, call in enumerate(step.calls):  # once a step: zip and strict cost twice as much
            messages.append(
                {
                    "role": "tool",
                    "tool_call_id": written[place]["id"],
                    "name": call.function,
                    "content": step.responses[place].text,
                }
            )
    if not step.calls and step.observation:
        messages.append({"role": "user", "content": step.observation})
    return messages


def conversation(branch: Branch, system_prompt: str = SYSTEM_PROMPT) -> list[dict[str, JsonValue]]:
    """Everything said on a branch, as the policy of its next decision sees it."""
    messages = opening(branch.task.instruction, system_prompt)
    for number, step in enumerate(branch.path()):
        messages.extend(step_messages(step, number))
    return messages


def observe(calls: tuple[Call, ...], responses: tuple[Response, ...]) -> str:
    """The text observed for a step: the response of a single call, or one line per call."""
    if len(responses) == 1:
        return responses[0].text
    return "\n".join(
        f"{call.function}: {response.text}" for call, response in zip(calls, responses, strict=True)
    )
