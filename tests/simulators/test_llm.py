"""A model that plays the server, over real sockets, with replies right, wrong and malformed."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
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
from tests.simulators.llm_worlds import (
    ASK,
    GROW,
    SKY,
    TASK,
    answered,
    as_call,
    ask,
    by_seed,
    examples_in,
    frozen,
    prompt,
    recorded,
    sky,
)
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT, Branch, Response, Status
from toolenv.errors import ConfigurationError, SimulatorError, ToolenvError
from toolenv.simulators import Simulator, first_of, open_simulator, record
from toolenv.simulators.llm import LLMSimulator
from toolenv.simulators.masking import Masked
from toolenv.snapshots import Store
from toolenv.tasks import Task
from toolenv.testing import SimulatorSuite

KEY = "sk-a-key-that-nobody-may-ever-see"
OSLO = {"city": "Oslo"}
AT_ONCE = (("Content-Type", "application/json"), ("retry-after-ms", "1"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def playing(server: ChatServer, **options: Any) -> LLMSimulator:
    return LLMSimulator("m", base_url=server.url, **options)


class TestContract(SimulatorSuite):
    """The conformance suite; what is kept is kept by the path."""

    server: ChatServer
    folder: Path

    @pytest.fixture(autouse=True)
    def running(self, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        frozen(tmp_path, recorded("Oslo"), recorded("Rome")).close()
        with chat_server(by_seed) as self.server:
            yield

    def make_simulator(self) -> Simulator:
        examples = f"examples={self.folder / 'recorded.snap'}"
        return open_simulator(f"llm:m?base_url={self.server.url}&{examples}&stateful=1")

    def make_task(self) -> Task:
        return TASK

    def answered_calls(self) -> Sequence[tuple[str, dict[str, object]]]:
        return [(ASK, {"city": "Oslo"}), (ASK, {"city": "Oslo", "days": 2})]

    def changing_calls(self) -> Sequence[tuple[str, dict[str, object]]]:
        return [(GROW, {})]


# --- answers --------------------------------------------------------------------------------------


def test_a_reply_becomes_a_simulated_response() -> None:
    with chat_server(sky) as server, playing(server) as simulator:
        assert answered(simulator, OSLO) == Response(
            '{"error":"","response":{"sky":"grey"}}', Status.OK, "llm", "simulated"
        )
        (request,) = server.requests
    assert request["model"] == "m"
    assert (request["temperature"], request["max_tokens"]) == (0.0, 1024)
    assert [message["role"] for message in request["messages"]] == ["system", "user"]


def test_an_error_that_the_server_would_give_is_an_answer() -> None:
    reply = completion('{"error": "No such city.", "response": ""}')
    with chat_server([reply]) as server, playing(server) as simulator:
        response = answered(simulator, OSLO)
    assert (response.status, response.error) == (Status.API_ERROR, "No such city.")
    assert (response.source, response.origin) == ("llm", "simulated")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "city"),
        ({"city": "Oslo", "days": "many"}, "days"),
        ({"city": "Oslo", "moons": 1}, "moons"),
        ("no JSON", "not JSON"),
        ("[1]", "not a JSON object"),
    ],
)
def test_a_bad_call_gets_the_error_a_server_would_give_and_no_fiction(
    arguments: object, said: str
) -> None:
    with chat_server(sky) as server, playing(server) as simulator:
        response = answered(simulator, arguments)
        assert server.requests == []
    assert (response.status, response.body) == (Status.BAD_INPUT, "")
    assert response.error.startswith("Bad request: ") and said in response.error
    assert (response.source, response.origin) == ("llm", "simulated")


def test_an_api_without_documentation_is_left_to_the_next() -> None:
    with chat_server(sky) as server, playing(server) as simulator:
        assert ask(simulator, {}, function="nowhere") is None
        assert server.requests == []


# --- replies that cannot be used ------------------------------------------------------------------

UNUSABLE: list[dict[str, Any]] = [
    completion(""),
    completion(None),
    completion("I am only a language model."),
    completion('{"error": "", "response": {"sky": "gr', finish_reason="length"),
    completion('{"error": "", "response": "of another type"}'),
    completion('{"sky": "grey"}'),
    completion(f"{SKY} {SKY}"),
    completion(None, tool_calls=[tool_call("f", "{}")]),
    completion(None, refusal="I must not."),
]


@pytest.mark.parametrize("first", UNUSABLE, ids=range(len(UNUSABLE)))
def test_a_reply_that_cannot_be_used_is_asked_for_again(first: dict[str, Any]) -> None:
    with chat_server([first, completion(SKY)]) as server, playing(server) as simulator:
        assert answered(simulator, OSLO).body == {"sky": "grey"}
        one, two = server.requests
        assert simulator.tally["asked again"] == 1
    assert two["messages"][:2] == one["messages"]
    assert "cannot be used" in two["messages"][-1]["content"]
    assert two["seed"] != one["seed"]
    said = first["choices"][0]["message"]["content"]
    assert [m["content"] for m in two["messages"][2:-1]] == ([said] if said else [])


def test_the_model_is_told_what_was_wrong() -> None:
    wrong = completion('{"error": "", "response": {"cloud": 1}}')
    cut = completion('{"error": "", "resp', finish_reason="length")
    with chat_server([wrong, cut, completion(SKY)]) as server, playing(server) as simulator:
        answered(simulator, OSLO)
        told = [request["messages"][-1]["content"] for request in server.requests]
    assert '"sky" is a required property' in told[1]
    assert "send a shorter one" in told[2]


@pytest.mark.parametrize("repairs", [0, 1, 3])
@pytest.mark.parametrize("bad", UNUSABLE[:3], ids=range(3))
def test_it_is_asked_for_again_so_many_times_and_then_fails(
    repairs: int, bad: dict[str, Any]
) -> None:
    with chat_server([bad]) as server, playing(server, repairs=repairs) as simulator:
        with pytest.raises(SimulatorError, match=f"asked {repairs + 1} times"):
            ask(simulator, OSLO)
        assert len(server.requests) == repairs + 1
        assert len({json.dumps(request) for request in server.requests}) == repairs + 1


def test_what_was_overlooked_is_said() -> None:
    fenced = completion(f"```json\n{SKY}\n```")
    bare = completion('{"response": {"sky": "grey"}}')
    with chat_server([fenced, bare, completion(SKY)]) as server, playing(server) as simulator:
        for days in (1, 2, 3):
            assert answered(simulator, {**OSLO, "days": days}).body == {"sky": "grey"}
        assert simulator.tally == {
            "requests": 3,
            "answers": 3,
            "input tokens": 33,
            "output tokens": 21,
            "repaired: a code fence": 1,
            "repaired: no error": 1,
        }


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"error": {"message": f"wrong key {KEY}"}}, 401),
        Reply({"error": {"message": "slow down"}}, 429, AT_ONCE),
        Reply({"error": {"message": "broken"}}, 500, AT_ONCE),
        Reply(b"<html>", headers=(("Content-Type", "text/html"),)),
        Reply({}, DROPPED),
        Reply(completion(SKY), cut_to=50),
    ],
    ids=["401", "429", "500", "html", "dropped", "cut"],
)
def test_a_server_that_fails_is_the_simulators_failure(reply: Reply) -> None:
    with chat_server([reply]) as server, playing(server, max_retries=1) as simulator:
        with pytest.raises(SimulatorError, match=r"m at http://127\.0\.0\.1") as caught:
            ask(simulator, OSLO)
        assert simulator.tally["failed"] == 1
    assert KEY not in f"{caught.value} {caught.value!r}"


def test_a_server_that_hangs_is_given_up() -> None:
    patience = threading.Event()

    def hang(_: dict[str, Any]) -> dict[str, Any]:
        patience.wait(30)
        return completion(SKY)

    with chat_server(hang) as server, playing(server, timeout=0.2, max_retries=0) as simulator:
        with pytest.raises(SimulatorError, match="timed out"):
            ask(simulator, OSLO)
        patience.set()


# --- equal calls, equal requests ------------------------------------------------------------------


def bodies(server: ChatServer) -> list[str]:
    return [json.dumps(request, sort_keys=True) for request in server.requests]


def test_equal_calls_make_equal_requests_whatever_came_before(tmp_path: Path) -> None:
    calls: list[object] = [{"city": name, "days": 1} for name in ("Oslo", "Rome", "Bern")]
    found = []
    for number, order in enumerate((calls, calls[::-1])):
        (tmp_path / str(number)).mkdir()
        examples = frozen(tmp_path / str(number), *(recorded(c) for c in ("Oslo", "Rome", "Kiel")))
        with chat_server(by_seed) as server, playing(server, examples=examples) as simulator:
            answers = {json.dumps(call): answered(simulator, call).text for call in order}
            found.append((sorted(bodies(server)), answers))
    assert found[0] == found[1]
    assert len(set(found[0][0])) == 3


@pytest.mark.parametrize(
    "same",
    [
        '{"days": 2, "city": "Oslo"}',
        '{"city":"Oslo","days":2.0}',
        '{ "city" : "Oslo", "days" : 2 }',
    ],
)
def test_one_call_written_otherwise_makes_the_same_request(same: str) -> None:
    with chat_server(sky) as server, playing(server) as simulator:
        answered(simulator, '{"city": "Oslo", "days": 2}')
        answered(simulator, same)
        assert len(set(bodies(server))) == 1


def test_episodes_and_their_seeds_play_no_part() -> None:
    async def call(simulator: LLMSimulator, seed: int) -> Response | None:
        session = simulator.open(TASK, seed)
        return await session.call(as_call(ASK, OSLO), Branch(TASK, [], ROOT))

    with chat_server(sky) as server, playing(server) as simulator:
        asyncio.run(call(simulator, 1))
        asyncio.run(call(simulator, 2))
        assert len(set(bodies(server))) == 1


def test_the_seed_option_changes_the_seeds_alone() -> None:
    with chat_server(sky) as server:
        for seed in (0, 5):
            with playing(server, seed=seed) as simulator:
                answered(simulator, OSLO)
        one, other = server.requests
    assert one.pop("seed") != other.pop("seed")
    assert one == other


def test_many_calls_at_once_make_the_requests_that_they_make_one_by_one(tmp_path: Path) -> None:
    examples = frozen(tmp_path, *(recorded(f"City {n}") for n in range(30)))
    calls = [as_call(ASK, {"city": f"City {number}"}) for number in range(0, 60, 3)]

    async def at_once(simulator: LLMSimulator) -> list[Response | None]:
        session = simulator.open(TASK, 1)
        past = Branch(TASK, [], ROOT)
        return list(await asyncio.gather(*(session.call(call, past) for call in calls)))

    with chat_server(by_seed) as server, playing(server, examples=examples) as simulator:
        together = asyncio.run(at_once(simulator))
        first = sorted(bodies(server))
        apart = [ask(simulator, call.text) for call in calls]
        assert together == apart
        assert sorted(bodies(server)) == sorted(first * 2)


# --- recording ------------------------------------------------------------------------------------


def counting() -> tuple[list[int], Callable[[dict[str, Any]], dict[str, Any]]]:
    """A server that never says the same twice."""
    told: list[int] = []

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        told.append(len(told))
        return completion(json.dumps({"error": "", "response": {"sky": len(told)}}))

    return told, answer


def test_recorded_by_composition_the_same_call_gets_the_same_answer(tmp_path: Path) -> None:
    told, answer = counting()
    with chat_server(answer) as server:
        store = Store(tmp_path / "store")
        simulator = first_of(store, record(playing(server), store))
        with closing(simulator):
            first = answered(simulator, OSLO)
            again = answered(simulator, '{ "city":"Oslo" }')
            assert (first.text, first.source) == (again.text, "llm")
            assert (again.source, again.origin) == ("store", "simulated")
            assert answered(simulator, {"city": "Rome"}).text != first.text
    assert len(told) == 2


def test_a_run_asks_for_each_call_once(tmp_path: Path) -> None:
    told, answer = counting()
    script = [{"name": ASK, "arguments": json.dumps(OSLO)}] * 3
    with chat_server(answer) as server:
        store = Store(tmp_path / "store")
        simulator = first_of(store, record(playing(server), store))
        with closing(simulator):
            observed = []
            for seed in (1, 2):
                env = ToolEnv([TASK], simulator=simulator)
                env.reset(seed=seed)
                for call in script:
                    observation, *_ = env.step(json.dumps(call))
                    observed.append(observation)
    assert len(told) == 1
    assert len(set(observed)) == 1 and '"sky":1' in observed[0]


@pytest.mark.parametrize(
    "bad", [completion("prose"), Reply({}, 500, AT_ONCE)], ids=["prose", "500"]
)
def test_a_failure_is_no_answer_and_is_never_recorded(
    tmp_path: Path, bad: Reply | dict[str, Any]
) -> None:
    with chat_server([bad]) as server:
        store = Store(tmp_path / "store")
        simulator = first_of(store, record(playing(server, repairs=0, max_retries=0), store))
        with closing(simulator):
            env = ToolEnv([TASK], simulator=simulator)
            env.reset(seed=1)
            env.step(json.dumps({"name": ASK, "arguments": OSLO}))
            assert env.episode().steps[0].responses[0].status is Status.SIMULATOR_FAILED
            assert list(store.records()) == []


def test_what_a_run_records_never_becomes_an_example(tmp_path: Path) -> None:
    examples = frozen(tmp_path, recorded("Oslo"))
    with chat_server(by_seed) as server:
        store = Store(tmp_path / "store")
        simulator = first_of(store, record(playing(server, examples=examples), store))
        with closing(simulator):
            for city in ("Bern", "Rome", "Kiel"):
                answered(simulator, {"city": city})
                assert [one["arguments"] for one in examples_in(server)] == [{"city": "Oslo"}]


# --- options --------------------------------------------------------------------------------------


def test_a_store_that_can_still_grow_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store:
        for recordings in (store, Masked(store, 0.5)):
            with pytest.raises(ConfigurationError, match="Freeze it first"):
                LLMSimulator("m", examples=recordings)
    with pytest.raises(ConfigurationError, match="Freeze it first"):
        open_simulator(f"llm:m?examples={tmp_path / 'store'}")


def test_a_view_of_a_snapshot_gives_examples(tmp_path: Path) -> None:
    masked = Masked(frozen(tmp_path, *(recorded(f"City {n}") for n in range(20))), 0.5, seed=1)
    seen = {record.arguments for record in masked.records()}
    with (
        chat_server(sky) as server,
        playing(server, examples=masked, example_count=20) as simulator,
    ):
        answered(simulator, OSLO)
        shown = {json.dumps(one["arguments"], separators=(",", ":")) for one in examples_in(server)}
        assert "2021-03-04T05:06:07" in prompt(server)
    assert shown == seen and 0 < len(seen) < 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"style": "other"}, "Unknown style"),
        ({"example_count": -1}, "negative"),
        ({"repairs": -1}, "negative"),
        ({"style": "mirrorapi", "stateful": True}, "no place"),
        ({"style": "mirrorapi", "clock": "2020-01-01"}, "no place"),
        ({"base_url": "http://u:secret@h/v1"}, "password"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        LLMSimulator("m", **options)


def test_options_are_read_from_text(tmp_path: Path) -> None:
    frozen(tmp_path, recorded("Oslo")).close()
    simulator = open_simulator(
        "llm:org/model:7b?base_url=http://127.0.0.1:1/v1"
        f"&examples={tmp_path / 'recorded.snap'}&example_count=3&repairs=1&stateful=true"
        "&temperature=0.5&max_tokens=99&seed=4&clock=2020-02-02&timeout=1.5&max_retries=0"
        '&extra_body={"top_k":2}'
    )
    assert isinstance(simulator, LLMSimulator)
    with simulator:
        assert (simulator.client.model, simulator.client.timeout) == ("org/model:7b", 1.5)
        assert (simulator.example_count, simulator.repairs, simulator.stateful) == (3, 1, True)
        assert (simulator.temperature, simulator.max_tokens, simulator.seed) == (0.5, 99, 4)
        assert (simulator.clock, simulator.extra_body) == ("2020-02-02", {"top_k": 2})
        assert simulator.examples is not None


@pytest.mark.parametrize(
    "options",
    ["repairs=x", "stateful=maybe", "extra_body=[1]", "temperature=", "nothing=1", "examples=no"],
)
def test_options_that_cannot_be_read_are_refused(options: str) -> None:
    with pytest.raises(ToolenvError, match=rf"{options.partition('=')[0]}|no such file"):
        open_simulator(f"llm:m?{options}")


def test_the_fingerprint_covers_what_answers_depend_on(tmp_path: Path) -> None:
    snapshots = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        snapshots.append(frozen(tmp_path / name, recorded(name)))
    options: list[dict[str, Any]] = [
        {},
        {"base_url": "http://127.0.0.1:1/v1"},
        {"temperature": 0.5},
        {"max_tokens": 5},
        {"seed": 1},
        {"repairs": 0},
        {"stateful": True},
        {"clock": "2020-01-01"},
        {"style": "mirrorapi"},
        {"extra_body": {"top_k": 1}},
        {"examples": snapshots[0]},
        {"examples": snapshots[1]},
        {"examples": snapshots[0], "example_count": 1},
    ]
    found = [LLMSimulator("m", **one).fingerprint for one in options]
    assert len({*found, LLMSimulator("other").fingerprint}) == len(options) + 1
    assert LLMSimulator("m", timeout=3, max_retries=7).fingerprint == found[0]


def test_the_fingerprint_does_not_depend_on_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with_key = LLMSimulator("m").fingerprint
    monkeypatch.delenv("OPENAI_API_KEY")
    assert LLMSimulator("m").fingerprint == with_key
