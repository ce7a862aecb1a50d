"""What happens in an episode: messages, calls, responses, steps, branches.

Everything here is immutable and plain (named tuples), because it is made once per step and read
everywhere: by forks, trees, the journal, judges and pairs. Steps are stored once, in one list with
the number of their parent; a fork, a branch and a tree are views of that list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal, NamedTuple, TypeAlias

from toolenv.apis import FINISH, Identity
from toolenv.jsontext import JsonValue, parse, render
from toolenv.tasks import Task

__all__ = [
    "ROOT",
    "Branch",
    "Call",
    "Completeness",
    "Cost",
    "Episode",
    "FunctionCall",
    "Message",
    "Origin",
    "Outcome",
    "Response",
    "Source",
    "Status",
    "Step",
    "Tokens",
    "Usage",
    "number_in_preorder",
]

ROOT: Final = -1
"""The parent of an episode's first steps."""

Source: TypeAlias = Literal[
    "environment", "snapshot", "store", "canonical", "neighbour", "local", "llm", "live", "fault"
]
"""Who answered now. ``environment`` answers what reaches no API: Finish, unknown functions, misses.
``fault`` is one that was made or altered by injection.
``canonical`` is a recorded answer to what the documentation says is the same call, ``neighbour``
one to a similar call."""

Origin: TypeAlias = Literal["live", "simulated", "local", "environment", "unknown"]
"""What first produced the bytes; kept through recording, import, merge and serving."""

Completeness: TypeAlias = Literal["whole", "truncated", "unparsable"]
"""Whether the recorded text is all of the response."""

Outcome: TypeAlias = Literal["passed", "failed", "unsure", "infrastructure_error"]
"""How an episode went, apart from its reward. ``unsure``: nothing has checked or judged it."""


class Status(IntEnum):
    """Status of a response: ToolBench's codes by their documented meaning, then ours.

    ToolBench's code emits 7 for *unauthorised* and 8 for *not subscribed*, against its own
    documentation; these are the documented meanings.
    """

    OK = 0
    NO_SUCH_FUNCTION = 1
    BAD_INPUT = 2
    ANSWERED = 3
    GAVE_UP = 4
    TIMEOUT = 5
    NOT_FOUND = 6
    NOT_SUBSCRIBED = 7
    UNAUTHORISED = 8
    TOO_MANY_REQUESTS = 9
    RATE_LIMITED = 10
    API_ERROR = 11
    SEND_ERROR = 12
    MISS = 100
    """No simulator had an answer: the snapshot does not cover the call."""
    SIMULATOR_FAILED = 101
    """A simulator failed for reasons of its own; neither the policy nor the API is to blame."""


_STATUSES: dict[int, Status] = {int(status): status for status in Status}


class FunctionCall(NamedTuple):
    """A call as the policy wrote it: a function's name and the text of its arguments."""

    name: str
    arguments: str = "{}"
    id: str = ""


class Usage(NamedTuple):
    """What one policy call consumed, as the server or tokenizer counted it; 0 where unknown."""

    input_tokens: int = 0
    output_tokens: int = 0


class Tokens(NamedTuple):
    """The tokens of a message as a server sampled them; what it did not give is empty.

    Args:
        ids: The tokens' numbers in the model's vocabulary.
        texts: The tokens' texts.
        logprobs: The natural logarithm of each token's probability.
        prompt_ids: The tokens of the prompt that the message answers.
    """

    ids: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()
    logprobs: tuple[float, ...] = ()
    prompt_ids: tuple[int, ...] = ()


class Message(NamedTuple):
    """One assistant message.

    Args:
        content: The text beside the calls: a thought, or an answer without a call.
        calls: The function calls, in the order written.
        reasoning: Reasoning content that the server returned apart from the text.
        diversity: The user message that was shown for this decision alone, as DFSDT shows the
            earlier siblings; it is not part of the conversation that follows.
        usage: What producing the message consumed.
        repaired: What the parser repaired to read the calls; empty when nothing.
        tokens: The tokens it was sampled as, where they were asked for and given.
    """

    content: str = ""
    calls: tuple[FunctionCall, ...] = ()
    reasoning: str = ""
    diversity: str = ""
    usage: Usage = Usage()
    repaired: str = ""
    tokens: Tokens | None = None

    def as_openai(self, number: int | None = None) -> dict[str, JsonValue]:
        """The message in the form of OpenAI's chat completions.

        Args:
            number: The step's place on its path, which names calls that the policy left unnamed;
                None leaves them so.
        """
        wire: dict[str, JsonValue] = {"role": "assistant", "content": self.content}
        if self.calls:
            calls: list[JsonValue] = []
            wire["tool_calls"] = calls
            for name, arguments, id_ in self.calls:  # once a step: a comprehension costs more
                if not id_ and number is not None:
                    id_ = f"call_{number}_{len(calls)}"
                function: dict[str, JsonValue] = {"name": name, "arguments": arguments}
                calls.append({"id": id_, "type": "function", "function": function})
        return wire


class Call(NamedTuple):
    """One API call with its arguments, resolved against the task's functions.

    Args:
        function: The function's name, as offered; as written by the policy where none fits.
        arguments: The parsed arguments; None where the text is not a JSON object.
        api: The API called; None for Finish and for functions that do not exist.
        text: The arguments' text as the policy wrote it.
        invalid: Why the arguments do not fit the documentation; empty when they do.
        id: The policy's name for this call.
    """

    function: str
    arguments: dict[str, JsonValue] | None
    api: Identity | None
    text: str
    invalid: str = ""
    id: str = ""


class Response(NamedTuple):
    """What came back for a call.

    The text is what the policy observes, and what is stored: a recorded text is served unchanged.
    ``body`` reads it back where that is possible.

    Args:
        text: The rendered response: ``{"error":"…","response":…}`` unless recorded otherwise.
        status: What kind of answer it is.
        source: Who answered now.
        origin: What first produced the text.
        completeness: Whether the text is all of the response.
        recording: The recording that holds it, where it was recorded.
        ordinal: Its place among the answers to equal calls in that recording.
    """

    text: str
    status: Status = Status.OK
    source: Source = "environment"
    origin: Origin = "environment"
    completeness: Completeness = "whole"
    recording: str = ""
    ordinal: int = 0

    @classmethod
    def of(
        cls,
        body: JsonValue,
        *,
        error: str = "",
        status: Status = Status.OK,
        source: Source = "environment",
        origin: Origin = "environment",
    ) -> Response:
        """A response rendered from a structured body.

        Raises:
            TypeError: The body has no JSON form.
        """
        return cls(render({"error": error, "response": body}), status, source, origin)

    @property
    def error(self) -> str:
        """The error that the text states; empty when none, or when the text cannot be read."""
        found = self._envelope().get("error", "")
        return found if isinstance(found, str) else render(found)

    @property
    def body(self) -> JsonValue:
        """The structured body; None where the text was cut or is no envelope."""
        return self._envelope().get("response")

    @property
    def failed(self) -> bool:
        """Whether the answer is something else than a success."""
        return self.status not in (Status.OK, Status.ANSWERED)

    def _envelope(self) -> dict[str, JsonValue]:
        try:
            value = parse(self.text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Step(NamedTuple):
    """One message, its calls, their responses and the reward.

    Args:
        parent: The number of the step before it on its path; ``ROOT`` for the first.
        rank: Its place among its siblings.
        message: The assistant's message.
        calls: Its calls, resolved, in the order written.
        responses: One response per call, in that order.
        observation: The text that the environment returned.
        reward: The reward of this step.
        ended: Why the branch stopped here; empty when it goes on. ``answer``, ``gave_up``,
            ``limit:…`` or ``error:…``.
        state: The local world's state when the branch stopped here, where the task's check reads
            it; else None.
    """

    parent: int
    rank: int
    message: Message
    calls: tuple[Call, ...]
    responses: tuple[Response, ...]
    observation: str
    reward: float = 0.0
    ended: str = ""
    state: JsonValue = None


class Branch(NamedTuple):
    """A path from the root of an episode to one of its steps; an O(1) view.

    Args:
        task: The task.
        steps: All steps of the episode so far.
        at: The number of the last step of the path; ``ROOT`` for the empty path.
    """

    task: Task
    steps: Sequence[Step]
    at: int

    def numbers(self) -> list[int]:
        """The numbers of the path's steps, first to last."""
        path: list[int] = []
        at = self.at
        while at != ROOT:
            path.append(at)
            at = self.steps[at].parent
        path.reverse()
        return path

    def path(self) -> list[Step]:
        """The path's steps, first to last."""
        return [self.steps[number] for number in self.numbers()]

    def calls(self) -> Iterator[tuple[Call, Response]]:
        """The path's calls with their responses, in order."""
        for step in self.path():
            yield from zip(step.calls, step.responses, strict=True)

    @property
    def last(self) -> Step | None:
        """The last step; None for the empty path."""
        return None if self.at == ROOT else self.steps[self.at]

    @property
    def ended(self) -> str:
        """Why the branch stopped; empty while it goes on."""
        return "" if self.at == ROOT else self.steps[self.at].ended

    @property
    def answer(self) -> str | None:
        """The final answer; None where the branch gave none."""
        last = self.last
        if last is None or last.ended != "answer":
            return None
        for call in last.calls:
            if call.function == FINISH and call.arguments is not None and not call.invalid:
                final = call.arguments.get("final_answer", "")
                return final if isinstance(final, str) else render(final)
        return None


class Cost(NamedTuple):
    """What an episode consumed."""

    policy_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    api_calls: int = 0
    money: float = 0.0


@dataclass(frozen=True, slots=True)
class Episode:
    """All the steps explored in one attempt at a task: a tree, numbered in pre-order.

    Args:
        task: The task.
        steps: Every step, numbered by its index; a step's parent always comes before it.
        chosen: The number of the step that ends the branch the agent settled on; ``ROOT`` for
            none.
        agent: What explored it, by name.
        policy: What decided, by name.
        seed: The seed of the attempt.
        ended: Why the attempt stopped: the chosen branch's reason, or the budget's.
        outcome: How it went; ``unsure`` until something checked or judged it.
        reward: The chosen branch's rewards, added up.
        cost: What it consumed.
        fingerprints: Digests of what the result depends on, by part: environment, agent.
    """

    task: Task
    steps: tuple[Step, ...]
    chosen: int = ROOT
    agent: str = ""
    policy: str = ""
    seed: int = 0
    ended: str = ""
    outcome: Outcome = "unsure"
    reward: float = 0.0
    cost: Cost = Cost()
    fingerprints: Mapping[str, str] = field(default_factory=dict)

    @property
    def branch(self) -> Branch:
        """The branch the agent settled on."""
        return Branch(self.task, self.steps, self.chosen)

    @property
    def answer(self) -> str | None:
        """The chosen branch's answer; None where it gave none."""
        return self.branch.answer

    def branches(self) -> list[Branch]:
        """Every root-to-leaf path, in pre-order of the leaves."""
        inner = {step.parent for step in self.steps}
        return [
            Branch(self.task, self.steps, number)
            for number in range(len(self.steps))
            if number not in inner
        ]

    def children(self, number: int) -> list[int]:
        """The numbers of a step's children, by rank."""
        found = [index for index, step in enumerate(self.steps) if step.parent == number]
        return sorted(found, key=lambda index: self.steps[index].rank)


def number_in_preorder(steps: Sequence[Step]) -> tuple[tuple[Step, ...], dict[int, int]]:
    """Renumber a tree in pre-order, siblings by rank, so that the order of work leaves no trace.

    Args:
        steps: Steps as they were taken, each after its parent.

    Returns:
        The renumbered steps, and the map from old numbers to new (``ROOT`` to ``ROOT``).
    """
    numbers = list(range(ROOT, len(steps)))
    if [step.parent for step in steps] == numbers[:-1]:  # one path
        return tuple(steps), dict(zip(numbers, numbers, strict=True))
    children: dict[int, list[int]] = {}
    for number, step in enumerate(steps):
        children.setdefault(step.parent, []).append(number)
    for siblings in children.values():
        siblings.sort(key=lambda number: (steps[number].rank, number), reverse=True)
    renumbered: list[Step] = []
    renumbering = {ROOT: ROOT}
    waiting = list(children.get(ROOT, ()))
    while waiting:
        old = waiting.pop()
        renumbering[old] = len(renumbered)
        step, parent = steps[old], renumbering[steps[old].parent]
        renumbered.append(step if step.parent == parent else step._replace(parent=parent))
        waiting.extend(children.get(old, ()))
    return tuple(renumbered), renumbering


def status_of(code: int) -> Status:
    """A recorded status code as a ``Status``; unknown codes are ``API_ERROR``."""
    return _STATUSES.get(code, Status.API_ERROR)
