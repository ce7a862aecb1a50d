"""What the environment itself answers, and how long observations are cut.

Texts of the protocol that ToolBench's clients and data know are kept to the letter.
"""

from __future__ import annotations

import json
import unicodedata

from toolenv.apis import FINISH
from toolenv.episodes import Call, Response, Status

__all__ = [
    "ANSWERED",
    "GAVE_UP",
    "REMINDER",
    "answer_without_api",
    "cut",
    "miss",
    "refuse",
    "toolbench_observation",
]

ANSWERED = Response('{"response":"successfully giving the final answer."}', Status.ANSWERED)
"""The observation after Finish with an answer."""

GAVE_UP = Response('{"response":"chose to give up and restart"}', Status.GAVE_UP)
"""The observation after Finish without one."""

REMINDER = "No function was called. Call one of the functions, or Finish when the answer is known."
"""What is said after a message without a call."""

_LEGACY_LIMIT = 1024


def refuse(error: str, status: Status) -> Response:
    """An error of the environment itself.

    Example:
        >>> refuse("No such function name: login", Status.NO_SUCH_FUNCTION).text
        '{"error": "No such function name: login", "response": ""}'
    """
    # Lone surrogates in what is quoted stay escaped: the text must survive encoding.
    return Response(
        json.dumps({"error": error, "response": ""}, ensure_ascii=not _encodable(error)), status
    )


def cut(response: Response, limit: int) -> Response:
    """Cut a response that is longer than the limit, and say in its text what was cut.

    A character is never split: combining marks, joined emoji, skin tones, flags, variation
    selectors and Korean letters stay together. A recorded text that was cut before is served
    unchanged.

    Args:
        response: The response.
        limit: Characters kept; at least 1.

    Example:
        >>> cut(Response("a" * 50), 10).text
        'aaaaaaaaaa… [cut: 10 of 50 characters]'
    """
    text = response.text
    if len(text) <= limit or response.completeness == "truncated":
        return response
    end = limit
    while end > 0 and _continues(text, end):
        end -= 1
    shown = f"{text[: end or limit]}… [cut: {end or limit} of {len(text)} characters]"
    return response._replace(text=shown, completeness="truncated")


def _continues(text: str, at: int) -> bool:
    """Whether a code point belongs to the one before it."""
    before, character = text[at - 1], text[at]
    if character < "\u0300":
        return before == "\r" and character == "\n"
    if _is_flag_letter(character):
        first = at
        while first > 0 and _is_flag_letter(text[first - 1]):
            first -= 1
        return (at - first) % 2 == 1  # flags are pairs of letters
    return (
        before == "\u200d"
        or character == "\u200d"
        or unicodedata.category(character).startswith("M")  # marks and variation selectors
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # the tags of regional flags
        or "\u1160" <= character <= "\u11ff"  # vowels and finals of decomposed Korean
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def toolbench_observation(response: Response) -> Response:
    """The compatibility mode: ASCII-escaped JSON, cut hard at 1,024 characters and an ellipsis.

    Recorded texts and those of the environment stay as they are, except for the cut.
    """
    if response.source in ("snapshot", "store", "canonical", "neighbour", "environment"):
        text = response.text
    else:
        text = json.dumps({"error": response.error, "response": response.body})
    if len(text) <= _LEGACY_LIMIT or response.completeness == "truncated":
        return response._replace(text=text)
    return response._replace(text=f"{text[:_LEGACY_LIMIT]}...", completeness="truncated")


def answer_without_api(call: Call) -> Response:
    """Answer what reaches no API: Finish, and functions that do not exist."""
    if call.function != FINISH:
        return refuse(f"No such function name: {call.function}", Status.NO_SUCH_FUNCTION)
    if call.invalid or call.arguments is None:
        return refuse(f"Finish was called wrongly: {call.invalid}", Status.BAD_INPUT)
    return ANSWERED if call.arguments["return_type"] == "give_answer" else GAVE_UP


def miss(call: Call) -> Response:
    """A typed error for a call that no simulator answered: no crash, and no fiction."""
    if call.invalid:
        return refuse(f"The arguments are wrong: {call.invalid}", Status.BAD_INPUT)
    return refuse(
        f"No recorded response: {call.function} was never called with these arguments.",
        Status.MISS,
    )
