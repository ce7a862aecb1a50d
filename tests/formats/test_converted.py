"""Converted answers: whole ones in both forms, and the published ones that are cut."""

import ast
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.apis import FINISH
from toolenv.episodes import ROOT, Episode, Message, Step
from toolenv.errors import FormatError
from toolenv.formats import ReadReport, read_answer, read_converted, write_converted
from toolenv.formats.toolbench.tool_messages import read_tool_message
from toolenv.tasks import Task


def cut_files(data: Path) -> list[Path]:
    return sorted((data / "toolbench/tooleval_results").glob("*.json"))


def whole_files(data: Path) -> list[Path]:
    return sorted((data / "stabletoolbench/converted").glob("*/*.json"))


def test_published_files_are_written_as_they_were(data: Path, tmp_path: Path) -> None:
    files = [*cut_files(data), *whole_files(data)]
    assert len(files) == 5
    for number, path in enumerate(files):
        episodes = read_converted(path)
        copy = tmp_path / str(number) / path.name
        write_converted(episodes, copy)
        assert json.loads(copy.read_text()) == json.loads(path.read_text())


def test_what_is_cut_in_the_300_is_counted(data: Path) -> None:
    report = ReadReport()
    episodes = [e for path in cut_files(data) for e in read_converted(path, report=report)]
    assert len(episodes) == report.read == 300
    assert dict(report.found) == {
        "tool message whole": 29,
        "tool message cut at 100 characters": 1389,
        "tool message cut inside the response": 598,
        "tool message cut before the response": 210,
        "tool message cut inside the name or the arguments": 581,
        "assistant message cut at 100 characters": 158,
    }


def test_what_is_cut_is_marked_and_not_guessed(data: Path) -> None:
    marked: Counter[str] = Counter()
    for path in cut_files(data):
        for episode in read_converted(path):
            for step in episode.steps:
                for call, response in zip(step.calls, step.responses, strict=True):
                    assert call.function
                    if call.function == FINISH:
                        continue
                    marked[response.completeness] += 1
                    if call.arguments is None:
                        assert "cut" in call.invalid
                        assert response.completeness == "unparsable"
                        marked["no arguments"] += 1
                    if response.completeness == "unparsable":
                        assert response.text == ""
    assert marked["whole"] == 0
    assert marked["truncated"] + marked["unparsable"] > 1000
    assert marked["no arguments"] > 400


def test_the_final_answer_completes_a_cut_finish(data: Path) -> None:
    for path in cut_files(data):
        recorded = json.loads(path.read_text())
        for episode in read_converted(path):
            final = recorded[episode.task.id]["answer"]["final_answer"]
            if episode.ended == "answer":
                assert episode.branch.path()[-1].calls[0].text == final


def test_whole_files_agree_with_the_answer_files(data: Path) -> None:
    for path in whole_files(data):
        for episode in read_converted(path):
            folder = data / "stabletoolbench/answers" / path.parent.name / path.stem
            (answer,) = folder.glob(f"{episode.task.id}_*.json")
            recorded = read_answer(answer).branch
            texts = [r.text for c, r in recorded.calls() if c.function != FINISH]
            read = [r.text for c, r in episode.branch.calls() if c.function != FINISH]
            assert read == texts
            assert episode.answer == recorded.answer


def document(details: list[Any], **answer: Any) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": "f_for_t", "parameters": {}}}]
    user = {"role": "user", "message": "", "next": details}
    root = {"role": "system", "message": "", "next": [user]}
    made = {"method": "m", "total_steps": 0, "final_answer": "", "answer_details": [root]}
    return {"5": {"query": "q", "available_tools": tools, "answer": {**made, **answer}}}


def tool(message: object, *following: Any) -> dict[str, Any]:
    return {"role": "tool", "message": message, "next": list(following)}


CALL = {"name": "f_for_t", "arguments": '{"q": 1}', "response": 'it\'s "that"\n'}


@pytest.mark.parametrize("message", [CALL, repr(CALL)])
def test_both_forms_of_a_tool_message_are_read(message: object, tmp_path: Path) -> None:
    path = tmp_path / "G1.json"
    path.write_text(json.dumps(document([tool(message)])))
    (episode,) = read_converted(path)
    (call,), (response,) = episode.steps[0].calls, episode.steps[0].responses
    assert (call.function, call.arguments) == ("f_for_t", {"q": 1})
    assert (response.text, response.completeness) == (CALL["response"], "whole")
    assert call.api is not None


def test_a_branching_answer_is_read_and_written_whole(tmp_path: Path) -> None:
    end = {"name": FINISH, "arguments": '{"return_type": "give_answer", "final_answer": "a"}'}
    said = {"role": "assistant", "message": "hm", "next": [tool({**end, "response": ""})]}
    path = tmp_path / "G1.json"
    path.write_text(json.dumps(document([tool(CALL, tool(CALL), said)])))
    (episode,) = read_converted(path)
    assert [(s.parent, s.rank) for s in episode.steps] == [(ROOT, 0), (0, 0), (0, 1), (2, 0)]
    assert (episode.answer, episode.branch.numbers()) == ("a", [0, 2, 3])
    assert [s.responses[0].ordinal for s in episode.steps[:2]] == [0, 1]
    whole = tmp_path / "whole.json"
    write_converted([episode], whole, whole_tree=True)
    (again,) = read_converted(whole)
    assert [(s.parent, s.rank, s.message) for s in again.steps] == [
        (s.parent, s.rank, s.message) for s in episode.steps
    ]
    write_converted([episode], tmp_path / "G1b.json", tool_messages="repr")
    written = json.loads((tmp_path / "G1b.json").read_text())["5"]["answer"]
    assert written["total_steps"] == 5
    last = written["answer_details"][0]["next"][0]["next"][0]["next"][0]["next"][0]
    assert "'name': 'Finish'" in last["message"]
    assert ast.literal_eval(last["message"])["arguments"] == end["arguments"]


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=60), st.integers(0, 200))
def test_a_cut_message_gives_a_beginning_of_what_was_there(
    name: str, arguments: str, response: str, cut: int
) -> None:
    whole = {"name": name, "arguments": arguments, "response": response}
    text = repr(whole)
    read = read_tool_message(text[:cut])
    if cut >= len(text):
        assert (read.name, read.arguments, read.response) == (name, arguments, response)
        assert read.completeness == "whole"
        return
    assert read.completeness != "whole"
    assert read.name in ("", name)
    assert read.arguments in (None, arguments)
    assert response.startswith(read.response)


@pytest.mark.parametrize("message", [None, 3, [], {}, "", "hm", "{'name': 3}", "__import__('os')"])
def test_a_message_that_is_none_is_illegible_and_kept(message: object, tmp_path: Path) -> None:
    path = tmp_path / "G1.json"
    path.write_text(json.dumps(document([tool(message)], total_steps=3)))
    report = ReadReport()
    (episode,) = read_converted(path, report=report)
    assert report.found["tool message without a legible name"] == 1
    assert episode.steps[0].responses[0].completeness == "unparsable"
    write_converted([episode], tmp_path / "copy.json")
    written = json.loads((tmp_path / "copy.json").read_text())["5"]
    assert written["answer"] == document([tool(message)], total_steps=3)["5"]["answer"]


def test_bad_answers_are_named_and_skipped(tmp_path: Path) -> None:
    good = document([tool(CALL)])
    bad = {"6": {**good["5"], "query": 3}, "7": 3, "8": document([{"role": "judge"}])["5"]}
    path = tmp_path / "G1.json"
    path.write_text(json.dumps({**good, **bad}))
    with pytest.raises(FormatError, match=r"G1\.json\['6'\]\.query"):
        read_converted(path)
    report = ReadReport()
    assert [e.task.id for e in read_converted(path, skip_bad=True, report=report)] == ["5"]
    assert (report.read, len(report.skipped)) == (1, 3)


def test_one_query_has_one_answer(tmp_path: Path) -> None:
    episode = Episode(
        Task(id="5", instruction="q"), (Step(ROOT, 0, Message("hm"), (), (), ""),), chosen=0
    )
    with pytest.raises(FormatError, match="two files"):
        write_converted([episode, episode], tmp_path / "G1.json")
    write_converted([episode], tmp_path / "G1.json")
    assert read_converted(tmp_path / "G1.json")[0].steps == episode.steps
