"""A language model that plays the server, told by the documentation and by what was recorded."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from toolenv.apis import API, Identity
from toolenv.chat import ChatClient, ChatError, ChatReply, ChatRequest
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue
from toolenv.seeds import derive
from toolenv.simulators.base import SimulatorBase, changed
from toolenv.simulators.call_meaning import distances_by
from toolenv.simulators.composition import NOT_ANSWERS
from toolenv.simulators.llm_examples import Examples, recorded_until
from toolenv.simulators.llm_options import read_options
from toolenv.simulators.llm_prompt import PROMPT, ask_again, server_messages
from toolenv.simulators.llm_reply import Envelope, ResponseCheck, read_envelope
from toolenv.simulators.mirror_api import (
    MIRROR_MAX_TOKENS,
    MIRROR_PROMPT,
    MIRROR_SEED,
    MIRROR_TEMPERATURE,
    mirror_messages,
    read_mirror_reply,
)
from toolenv.snapshots.key import exact_key
from toolenv.snapshots.records import Recordings
from toolenv.tasks import Task

__all__ = ["LLMSimulator", "Style", "open_llm"]

Style: TypeAlias = Literal["server", "mirrorapi"]
"""How the model is asked: in our words, or in the form that MirrorAPI's models were trained on."""

_Earlier: TypeAlias = Sequence[tuple[Call, Response]]


class _Defaults(NamedTuple):
    temperature: float
    max_tokens: int
    seed: int
    prompt: str


_STYLES: dict[Style, _Defaults] = {
    "server": _Defaults(0.0, 1024, 0, PROMPT),
    "mirrorapi": _Defaults(MIRROR_TEMPERATURE, MIRROR_MAX_TOKENS, MIRROR_SEED, MIRROR_PROMPT),
}


class LLMSimulator(SimulatorBase):
    """Answers calls with what a model says the server would reply.

    Arguments are checked against the documentation first: a bad call gets ``BAD_INPUT``, and no
    request is made. APIs that the task does not document are left to the next simulator.

    Equal calls make equal requests, whatever was called before (in stateful mode: after equal
    calls). What the model answers to equal requests is its own affair; record it, so that the same
    call gets the same answer afterwards::

        first_of(store, record(LLMSimulator("qwen3-32b", examples=snapshot), store))

    A reply that cannot be read, or does not fit the response schema, is asked for again. If none
    fits, the call fails as the simulator's failure, which is no answer and is not recorded.

    Args:
        model: The model's name at its server.
        base_url: The server; see ``toolenv.chat.ChatClient``.
        examples: Frozen recordings to take examples from: a snapshot, closed with the simulator.
        examples_by: ``arguments`` or ``meaning``: what makes a recorded call near.
        example_count: How many recorded responses the model is shown, at most.
        repairs: How often a reply that cannot be used is asked for again.
        stateful: Whether the model is shown what the same tool answered earlier on the path.
        clock: What the server's clock says; by default when the examples' latest was recorded.
        temperature: Sampling temperature; by default 0, or MirrorAPI's 0.1.
        max_tokens: Longest reply; by default 1,024, or MirrorAPI's 2,048.
        seed: What each request's seed derives from, by default 0; MirrorAPI's is sent as it is, by
            default 42.
        style: ``server``, or ``mirrorapi`` for a model that was trained on that form; the latter
            takes no examples, state or clock.
        timeout: Seconds until an attempt is given up.
        max_retries: How often a failed attempt is repeated.
        key_variable: The environment variable that holds the key.
        extra_body: Further fields of the request, such as ``response_format``; no keys, since the
            fingerprint covers them.

    Attributes:
        tally: What it did: ``requests``, ``answers``, ``bad input``, ``asked again``, ``failed``,
            ``input tokens``, ``output tokens``, and ``repaired: …`` by what was overlooked.

    Raises:
        ConfigurationError: The examples can still grow, or options are wrong or exclude each other.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        examples: Recordings | None = None,
        examples_by: str = "arguments",
        example_count: int = 5,
        repairs: int = 2,
        stateful: bool = False,
        clock: str | datetime | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        seed: int | None = None,
        style: Style = "server",
        timeout: float = 120.0,
        max_retries: int = 2,
        key_variable: str = "OPENAI_API_KEY",
        extra_body: Mapping[str, JsonValue] | None = None,
    ) -> None:
        if style not in get_args(Style):
            raise ConfigurationError(
                f"Unknown style: {style!r}.", fix=f"Use one of {', '.join(get_args(Style))}."
            )
        if example_count < 0 or repairs < 0:
            raise ConfigurationError("The counts of examples and repairs cannot be negative.")
        if style == "mirrorapi" and (examples is not None or stateful or clock is not None):
            raise ConfigurationError(
                "MirrorAPI's requests have no place for examples, earlier calls or a clock.",
                where="style",
                fix="Leave these options out, or use the style server.",
            )
        defaults = _STYLES[style]
        self.client = ChatClient(
            model,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            key_variable=key_variable,
        )
        self.examples = (
            None if examples is None else Examples(examples, distances_by(examples_by))
        )
        self.example_count = example_count
        self.repairs = repairs
        self.stateful = stateful
        if clock is None:
            clock = "" if examples is None else recorded_until(examples)
        self.clock = clock.isoformat() if isinstance(clock, datetime) else clock
        self.temperature = defaults.temperature if temperature is None else temperature
        self.max_tokens = defaults.max_tokens if max_tokens is None else max_tokens
        self.seed = defaults.seed if seed is None else seed
        self.style: Style = style
        self.extra_body = dict(extra_body or {})
        self.tally: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """A digest of model, server, sampling, prompt, examples and clock."""
        return fingerprint(
            "simulator",
            {
                "kind": "llm",
                "style": self.style,
                "prompt": _STYLES[self.style].prompt,
                "model": self.client.model,
                "base_url": self.client.base_url,
                "temperature": self.temperature,
                "max_tokens": self.max_tokens,
                "seed": self.seed,
                "extra_body": self.extra_body,
                "examples": self.examples and self.examples.recordings.fingerprint,
                "example_count": self.example_count,
                **self._by(),
                "repairs": self.repairs,
                "stateful": self.stateful,
                "clock": self.clock,
            },
        )

    def _by(self) -> dict[str, str]:
        """How examples are chosen, where that is not by arguments."""
        distances = self.examples and self.examples.distances
        return {"examples_by": distances.fingerprint} if distances else {}

    def open(self, task: Task, seed: int) -> _LLMSession:
        """A session. The episode's seed plays no part: equal calls make equal requests."""
        return _LLMSession(self, task)

    async def answer(self, api: API, call: Call, earlier: _Earlier | None = None) -> Response:
        """The model's answer to one call.

        Args:
            api: The API's documentation.
            call: The call.
            earlier: Earlier calls to the same tool, oldest first; None outside of stateful mode.

        Raises:
            SimulatorError: The model's server failed, or no reply could be used.
        """
        if call.arguments is None or call.invalid or call.api is None:
            self._count({"bad input": 1})
            problem = call.invalid or "the arguments are not a JSON object"
            return Response.of(
                "",
                error=f"Bad request: {problem}",
                status=Status.BAD_INPUT,
                source="llm",
                origin="simulated",
            )
        messages = self._messages(api, call, call.api, call.arguments, earlier)
        check = ResponseCheck(api.response_schema)
        asked, problem = messages, ""
        for attempt in range(self.repairs + 1):
            reply = await self._ask(asked, self._seed(call, call.api, earlier, attempt))
            was_cut = reply.finish_reason == "length"
            try:
                envelope = self._read(reply)
                problem = "" if envelope.error else check.problem(envelope.response)
            except ValueError as error:
                problem = str(error)
            else:
                if not problem:
                    return self._answered(envelope)
            if attempt < self.repairs:
                self._count({"asked again": 1})
                if self.style == "server":  # the other models know no second question
                    asked = ask_again(messages, reply.text, problem, was_cut=was_cut)
        self._count({"failed": 1})
        raise SimulatorError(
            f"The model gave no reply that can be used, asked {self.repairs + 1} times; of the "
            f"last, {problem}{' (it was cut off)' if was_cut else ''}.",
            where=f"{call.function}, {self.client.place}",
            fix="Try more repairs or max_tokens, or a model that keeps to JSON.",
        )

    def close(self) -> None:
        """Close the connections and the recordings."""
        self.client.close()
        if self.examples is not None:
            self.examples.close()
            self.examples.recordings.close()

    def _messages(
        self,
        api: API,
        call: Call,
        identity: Identity,
        arguments: dict[str, JsonValue],
        earlier: _Earlier | None,
    ) -> list[dict[str, JsonValue]]:
        if self.style == "mirrorapi":
            return mirror_messages(api, arguments)
        nearest = (
            self.examples.nearest(identity, arguments, self.example_count) if self.examples else []
        )
        return server_messages(api, call, nearest, earlier, self.clock)

    def _seed(self, call: Call, identity: Identity, earlier: _Earlier | None, attempt: int) -> int:
        """The same for equal calls, and in stateful mode for equal calls after equal ones."""
        if self.style == "mirrorapi":
            return self.seed + attempt
        path = fingerprint(
            "path", [[_key(before), response.text] for before, response in earlier or ()]
        )
        key = exact_key(identity.function, call.arguments, call.text).hex()
        return derive("llm", self.seed, key, path, attempt)

    async def _ask(self, messages: Sequence[dict[str, JsonValue]], seed: int) -> ChatReply:
        request = ChatRequest(
            messages,
            seed=seed,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            extra=self.extra_body,
        )
        self._count({"requests": 1})
        try:
            reply = await self.client.complete(request)
        except ChatError as error:
            self._count({"failed": 1})
            raise SimulatorError(error.what, where=error.where, fix=error.fix) from None
        used = reply.usage
        self._count({"input tokens": used.input_tokens, "output tokens": used.output_tokens})
        return reply

    def _read(self, reply: ChatReply) -> Envelope:
        if reply.tool_calls and not reply.text.strip():
            raise ValueError("the reply calls a function instead of being a server's reply")
        if reply.refusal and not reply.text.strip():
            raise ValueError("the reply is a refusal")
        read = read_mirror_reply if self.style == "mirrorapi" else read_envelope
        return read(reply.text)

    def _answered(self, envelope: Envelope) -> Response:
        overlooked = {f"repaired: {what}": 1 for what in envelope.repaired}
        self._count({"answers": 1, **overlooked})
        response = Response.of(
            envelope.response,
            error=envelope.error,
            status=Status.API_ERROR if envelope.error else Status.OK,
            source="llm",
            origin="simulated",
        )
        return response if envelope.is_whole else response._replace(completeness="truncated")

    def _count(self, counts: Mapping[str, int]) -> None:
        with self._lock:
            self.tally.update(counts)


class _LLMSession:
    """Knows, beside the path, what this session's calls changed within the step that is made."""

    __slots__ = ("_at", "_owner", "_task", "_within_step")

    def __init__(self, owner: LLMSimulator, task: Task) -> None:
        self._owner = owner
        self._task = task
        self._at: int | None = None
        self._within_step: tuple[tuple[Call, Response], ...] = ()

    async def call(self, call: Call, past: Branch) -> Response | None:
        api = self._task.named_apis.get(call.function)
        if api is None or call.api is None:
            return None
        if not self._owner.stateful:
            return await self._owner.answer(api, call)
        if past.at != self._at:
            self._at, self._within_step = past.at, ()
        place = _place(call.api)
        earlier = [
            (before, response)
            for before, response in (*past.calls(), *self._within_step)
            if before.api is not None
            and _place(before.api) == place
            and response.status not in NOT_ANSWERS
        ]
        response = await self._owner.answer(api, call, earlier)
        # A step's calls are made in order if one changes something, else in any order.
        if changed(self._task, call, response):
            self._within_step = (*self._within_step, (call, response))
        return response

    def fork(self) -> _LLMSession:
        twin = _LLMSession(self._owner, self._task)
        twin._at, twin._within_step = self._at, self._within_step
        return twin


def _place(identity: Identity) -> tuple[str, str]:
    """What keeps state: the tool; the function where no more is known."""
    return identity.category, identity.tool or identity.function


def _key(call: Call) -> str:
    return exact_key(call.function, call.arguments, call.text).hex()


def open_llm(place: str, options: dict[str, Any]) -> LLMSimulator:
    """Make the simulator of ``llm:MODEL?base_url=…&examples=FILE.snap&example_count=3``.

    Raises:
        ConfigurationError: An option's value cannot be read.
    """
    return LLMSimulator(place, **read_options(options))
