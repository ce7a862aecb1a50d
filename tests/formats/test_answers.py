"""The published answer files: every message, every observation, and back."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from toolenv.apis import FINISH
from toolenv.episodes import Episode, Status
from toolenv.errors import FormatError
from toolenv.formats import ReadReport, read_answer, recording_name, write_answer


def published(data: Path) -> list[Path]:
    return [
        *sorted((data / "toolbench/answer").glob("*/*.json")),
        *sorted((data / "stabletoolbench/answers").glob("*/*/*.json")),
    ]


@pytest.fixture(scope="session")
def episodes(data: Path) -> dict[Path, Episode]:
    return {path: read_answer(path) for path in published(data)}


def test_every_message_is_a_step(episodes: dict[Path, Episode], data: Path) -> None:
    assert len(episodes) == 14
    for path, episode in episodes.items():
        recorded = json.loads(path.read_text())["answer_generation"]["query_count"]
        assert len(episode.steps) == episode.cost.policy_calls == recorded
    report = ReadReport()
    for path in published(data):
        read_answer(path, report=report)
    assert (report.read, dict(report.found)) == (14, {})


def test_every_observation_is_kept(episodes: dict[Path, Episode]) -> None:
    answered = [
        (call, response)
        for episode in episodes.values()
        for step in episode.steps
        for call, response in zip(step.calls, step.responses, strict=True)
    ]
    called = [(call, response) for call, response in answered if call.function != FINISH]
    assert (len(answered), len(called)) == (223, 202)
    assert sum(response.completeness == "truncated" for _, response in answered) == 57
    unknown = [response for call, response in called if call.api is None]
    assert len(unknown) == 13
    assert {response.status for response in unknown} == {Status.NO_SUCH_FUNCTION}
    places = Counter(
        (response.recording, call.function, json.dumps(call.arguments, sort_keys=True))
        for call, response in called
    )
    assert len({response.recording for _, response in called}) == 14
    ordinals = {
        (r.recording, c.function, json.dumps(c.arguments, sort_keys=True), r.ordinal)
        for c, r in called
    }
    assert len(ordinals) == len(called)
    assert max(ordinal for *_, ordinal in ordinals) == max(places.values()) - 1


def test_the_reported_branch_is_found_in_the_tree(episodes: dict[Path, Episode]) -> None:
    ended = {recording_name(path): episode.ended for path, episode in episodes.items()}
    assert Counter(ended.values()) == {"answer": 9, "limit:steps": 3, "gave_up": 2}
    for path, episode in episodes.items():
        made = json.loads(path.read_text())["answer_generation"]
        if episode.ended == "answer":
            assert episode.branch.path()[-1].calls[-1].text == made["final_answer"]
        if made.get("train_messages"):
            assert len(episode.branch.path()) == len(made["train_messages"])


def test_diversity_messages_are_on_the_reported_branch(episodes: dict[Path, Episode]) -> None:
    shown = {
        path.name.split("_")[0]: [
            number for number, step in enumerate(episode.steps) if step.message.diversity
        ]
        for path, episode in episodes.items()
        if path.name.endswith("DFS_woFilter_w2.json")
    }
    assert {task: len(numbers) for task, numbers in shown.items() if numbers} == {
        "588": 1,
        "57": 1,
        "119": 2,
        "13": 2,
    }


def nodes(node: dict[str, Any]) -> list[Any]:
    return [
        *(node.get(key) for key in ("node_type", "description", "observation")),
        *(node.get(key) for key in ("observation_code", "pruned", "finished", "depth")),
        *(node.get(key) for key in ("expand_num", "child_count")),
        [nodes(child) for child in node.get("children", [])],
    ]


def without_null(value: Any) -> Any:
    """Older files write ``"content": null`` where newer ones leave the key out."""
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}
    return [without_null(item) for item in value] if isinstance(value, list) else value


def test_a_file_is_written_as_it_was(episodes: dict[Path, Episode], tmp_path: Path) -> None:
    for path, episode in episodes.items():
        copy = tmp_path / path.name
        write_answer(episode, copy)
        assert read_answer(copy, recording=recording_name(path)) == episode
        theirs, ours = (json.loads(file.read_text()) for file in (path, copy))
        assert without_null(ours["answer_generation"]) == without_null(theirs["answer_generation"])
        for key in theirs.keys() - {"tree", "trys", "compare_candidates", "answer_generation"}:
            assert ours[key] == theirs[key]
        assert [[nodes(n) for n in chain] for chain in ours["compare_candidates"]] == [
            [nodes(n) for n in chain] for chain in theirs["compare_candidates"]
        ]
        if "tree" in theirs:
            assert nodes(ours["tree"]["tree"]) == nodes(theirs["tree"]["tree"])
            assert ours["tree"]["size"] == theirs["tree"]["size"]
            assert ours["tree"]["max_length"] == theirs["tree"]["max_length"]
        else:
            assert [[nodes(n) for n in t["chain"]] for t in ours["trys"]] == [
                [nodes(n) for n in t["chain"]] for t in theirs["trys"]
            ]


def test_a_name_is_resolved_by_the_rule_of_the_time(episodes: dict[Path, Episode]) -> None:
    (step,) = (
        step
        for episode in episodes.values()
        for step in episode.steps
        for call in step.message.calls
        if call.name == "dota_2_steam_web"
    )
    assert step.calls[0].function.endswith("dota_2_steam_web")
    assert step.calls[0].api is not None
    assert step.calls[0].function != "dota_2_steam_web"


def test_origin_and_recording_are_what_is_asked_for(data: Path) -> None:
    path = published(data)[0]
    episode = read_answer(path, origin="live", recording="mine")
    responses = [r for s in episode.steps for c, r in zip(s.calls, s.responses, strict=True)]
    assert {(r.source, r.origin, r.recording) for r in responses} == {
        ("snapshot", "live", "mine"),
        ("environment", "environment", ""),
    }


@pytest.mark.parametrize("text", ["[]", "{}", '{"tree": {"tree": 3}}', '{"trys": [{}]}', "{", ""])
def test_what_is_no_answer_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "1_CoT@1.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"1_CoT@1\.json"):
        read_answer(path)
