"""A model that plays the server, evaluated over a real socket; what it replies is scripted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chat.scripted_server import chat_server, completion
from tests.running import pretending
from tests.running.pretending import APIS, BAD, GOOD
from toolenv.jsontext import render
from toolenv.running.fidelity import evaluate_simulation
from toolenv.running.fidelity_report import FidelityReport
from toolenv.snapshots import Snapshot, freeze

Told = dict[str, Any]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    file = tmp_path_factory.mktemp("models") / "real.snap"
    freeze(pretending.recorded(), file)
    with Snapshot(file) as opened:
        yield opened


def told(request: dict[str, Any]) -> Told:
    """What a request tells the model: the API, the recorded calls, the call."""
    lines = [line for line in request["messages"][1]["content"].splitlines() if line[:1] == "{"]
    documentation, *examples, call = map(json.loads, lines)
    return {
        "api": documentation["name"],
        "city": call["arguments"]["city"],
        "examples": {one["arguments"]["city"]: one["reply"] for one in examples},
    }


def evaluated(
    recordings: Snapshot, plays: Callable[[Told], str], **more: Any
) -> tuple[FidelityReport, list[Told]]:
    with chat_server(lambda request: completion(plays(told(request)))) as server:
        report = evaluate_simulation(
            recordings,
            f"llm:model?base_url={server.url}&key_variable=NO_SUCH_KEY&repairs=0",
            **{"apis": APIS, "samples": 100, "call_share": 0.5, **more},
        )
        return report, [told(request) for request in server.requests]


def right(call: Told) -> str:
    return pretending.truth(call["city"]).text


def test_no_prompt_holds_what_is_held_out(recordings: Snapshot) -> None:
    report, calls = evaluated(recordings, right)
    asked = {way: held_out.calls for way, held_out in report.held_out.items()}
    assert len(calls) == 4 * sum(asked.values())
    by_count: dict[int, int] = {}
    for call in calls:
        assert call["city"] not in call["examples"]
        by_count[len(call["examples"])] = by_count.get(len(call["examples"]), 0) + 1
    # of an API that is held out whole, nothing is shown in any condition
    distance = asked["distance"]
    assert by_count.pop(0) == 4 * asked["api"] + distance
    assert by_count.pop(1) == by_count.pop(3) == distance
    assert sum(by_count.values()) == distance  # as many of five as there are
    whole = {call["api"] for call in calls} - {c["api"] for c in calls if c["examples"]}
    assert len(whole) == report.held_out["api"].apis
    for one in report.conditions:
        if one.who == "simulator":
            assert one.sources == {"llm": one.asked}
            assert one.figures["all"]["agreement"].value == 1
            assert one.figures["success"]["keys"].value == 1


def test_a_model_that_copies_its_best_example_is_as_good_as_its_examples(
    recordings: Snapshot,
) -> None:
    def copies(call: Told) -> str:
        return render(next(iter(call["examples"].values()), {"error": "", "response": {"x": 1}}))

    report, _ = evaluated(recordings, copies, ways=["distance"])
    without = report.condition("distance", 0).figures
    assert without["error"]["accepted"].value == 1 and without["success"]["keys"].value == 0
    shown = report.condition("distance", 1).figures["error"]["accepted"]
    assert 0 < shown.value < 1 and shown.difference is not None


def test_replies_that_cannot_be_used_are_failures_and_no_wrong_answers(
    recordings: Snapshot,
) -> None:
    def half(call: Told) -> str:
        return right(call) if call["city"] in GOOD else "I am sorry, as a model I cannot"

    report, calls = evaluated(recordings, half, ways=["api"], api_share=1, examples=[0])
    found = report.condition("api", 0)
    assert (found.asked, found.answered, found.failed) == (80, 40, 40)
    assert found.figures["all"]["agreement"].value == 1
    assert "accepted" not in found.figures["all"]
    assert {call["city"] for call in calls} == {*GOOD, *BAD}


def test_without_documents_the_model_is_not_asked(recordings: Snapshot) -> None:
    report, calls = evaluated(recordings, right, apis=(), examples=[0])
    assert not calls
    assert report.condition("api", 0).unanswered == report.held_out["api"].calls
    assert report.held_out["api"].described == 0


def test_a_model_of_mirrorapis_form_is_asked_once_and_shown_nothing(
    recordings: Snapshot,
) -> None:
    body = render({"error": "", "response": {"city": "x", "days": [{"high": 1}]}})
    with chat_server([completion(body)]) as server:
        report = evaluate_simulation(
            recordings,
            f"llm:model?base_url={server.url}&style=mirrorapi&key_variable=NO_SUCH_KEY",
            apis=APIS,
            samples=100,
        )
        asked = len(server.requests)
    assert [one.examples for one in report.conditions if one.who == "simulator"] == [None, None]
    assert asked == sum(one.asked for one in report.conditions if one.who == "simulator")


def test_keys_reach_no_report(
    recordings: Snapshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIDELITY_KEY", "sk-very-secret")
    with chat_server([completion("no")]) as server:
        report = evaluate_simulation(
            recordings,
            f"llm:model?base_url={server.url}&key_variable=FIDELITY_KEY&repairs=0",
            apis=APIS,
            examples=[0],
            samples=100,
        )
        assert "sk-very-secret" in server.headers[0]["authorization"]
    assert "sk-very-secret" not in report.model_dump_json() + repr(report)
