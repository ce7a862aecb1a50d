"""The main job: recorded trees, replayed decision by decision, observe what they observed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.agents.scripted import SAY, ByPath, environment, gives_up_below, saying
from tests.agents.scripted import TASK as SPOKEN
from tests.running.processes import toolenv
from toolenv.agents import DFSDT
from toolenv.episodes import Episode, Status
from toolenv.errors import FormatError
from toolenv.formats import ReadReport, read_converted, read_tasks, write_answer
from toolenv.running.reproduction import (
    Replayed,
    Reproduction,
    read_answers,
    recording_of,
    replay,
    reproduce,
)
from toolenv.snapshots import Snapshot, freeze, records_of

DIFFERENT_WHEN_FIRST_SERVED = {
    ("virtual_chatgpt_dfs/G1_instruction/1073_DFS_woFilter_w2", 0),
    ("virtual_chatgpt_dfs/G1_instruction/1073_DFS_woFilter_w2", 1),
    ("virtual_chatgpt_dfs/G1_instruction/588_DFS_woFilter_w2", 0),
    ("virtual_chatgpt_dfs/G1_instruction/608_DFS_woFilter_w2", 0),
    ("virtual_chatgpt_dfs/G1_instruction/608_DFS_woFilter_w2", 1),
    *(("answer/G3_answer/8_ChatGPT_DFS_woFilter_w2", n) for n in (27, 28, 29, 30, 31)),
    *(("answer/G3_answer/8_ChatGPT_DFS_woFilter_w2", n) for n in (34, 35, 38, 40, 42)),
}
"""The same call was answered differently in another tree."""


@pytest.fixture(scope="module")
def found(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Reproduction:
    return reproduce([data], tmp_path_factory.mktemp("main") / "all.snap")


def total(replays: list[Replayed], field: str) -> int:
    return sum(getattr(one, field) for one in replays)


# --- on the published trees ---------------------------------------------------------------------


def test_the_snapshot_holds_the_fourteen_trees(found: Reproduction) -> None:
    assert len(found.episodes) == 14
    manifest = found.manifest
    assert (manifest.responses, manifest.calls, manifest.apis) == (189, 81, 33)
    assert len(manifest.recordings) == 14
    assert manifest.completeness == {"truncated": 57, "whole": 132}
    assert manifest.origins == {"unknown": 189}, "the trees do not say what answered them"


def test_every_decision_observes_what_was_recorded_to_the_byte(found: Reproduction) -> None:
    assert total(found.own, "steps") == 242
    assert (total(found.own, "equal"), total(found.own, "calls")) == (202, 202)
    assert (total(found.own, "equal_finishes"), total(found.own, "finishes")) == (21, 21)
    assert total(found.own, "unknown") == 13, "functions that do not exist"
    assert all(one.differences == () for one in found.own)


def test_served_first_come_fifteen_observations_differ_and_are_named(found: Reproduction) -> None:
    different = {(one.recording, one.step) for each in found.first for one in each.differences}
    assert different == DIFFERENT_WHEN_FIRST_SERVED
    assert total(found.first, "equal") == 202 - 15
    assert total(found.first, "answered") == 189, "they are answered all the same"
    assert total(found.first, "equal_finishes") == 21


def test_with_each_tree_left_out_every_miss_is_typed(found: Reproduction) -> None:
    assert total(found.left_out, "answered") == 17
    assert total(found.left_out, "equal") == 13 + 5, "functions that do not exist, and five more"
    statuses: Counter[Status] = Counter()
    for one in (one for each in found.left_out for one in each.differences):
        assert one.observed is not None, "no branch broke off"
        if one.observed.source == "snapshot":
            continue
        assert one.observed.source == "environment"
        statuses[one.observed.status] += 1
        assert one.is_miss
        if one.observed.status is Status.BAD_INPUT:
            assert "is a required property" in one.call.invalid
        else:
            assert "No recorded response" in one.observed.text
    assert statuses == {Status.MISS: 171, Status.BAD_INPUT: 1}
    assert total(found.left_out, "calls") == 13 + 17 + 171 + 1
    assert total(found.left_out, "equal_finishes") == 21


def test_the_330_solvable_instructions_are_read_and_what_is_malformed_is_counted(
    data: Path,
) -> None:
    report, read = ReadReport(), 0
    for file in sorted((data / "stabletoolbench" / "solvable_queries").glob("*.json")):
        read += len(read_tasks(file, report=report))
    assert (read, report.read, len(report.skipped)) == (330, 330, 0)
    assert dict(report.found) == {
        "template_response cut at 1,000 characters": 145,
        "template_response missing": 592,
        "default that is not text": 124,
        "API without a description": 112,
        "parameters of one API that standardise to one name": 2,
        "APIs that ToolBench's 64-character names merge": 8,
        "pair that is in relevant APIs twice": 2,
    }


def test_the_300_converted_answers_are_read_and_what_is_cut_is_counted(data: Path) -> None:
    report, read = ReadReport(), 0
    for file in sorted((data / "toolbench" / "tooleval_results").glob("*.json")):
        read += len(read_converted(file, report=report))
    assert (read, report.read, len(report.skipped)) == (300, 300, 0)
    assert dict(report.found) == {
        "tool message whole": 29,
        "tool message cut at 100 characters": 1_389,
        "tool message cut before the response": 210,
        "tool message cut inside the name or the arguments": 581,
        "tool message cut inside the response": 598,
        "assistant message cut at 100 characters": 158,
    }


def test_all_that_is_at_hand_is_read_in_one_go(found: Reproduction) -> None:
    assert (found.instructions.read, len(found.instructions.skipped)) == (342, 0)
    assert (found.converted.read, len(found.converted.skipped)) == (306, 0)


def test_one_command_does_all_of_it(data: Path, tmp_path: Path) -> None:
    done = toolenv("replay", data, "--out", tmp_path / "all.snap", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert sum(row["equal"] for row in said["own"]) == 202
    assert sum(row["equal_finishes"] for row in said["own"]) == 21
    assert {
        (row["recording"], each["step"]) for row in said["first"] for each in row["differences"]
    } == DIFFERENT_WHEN_FIRST_SERVED
    assert sum(row["answered"] for row in said["left_out"]) == 17
    assert (said["instructions"]["read"], said["converted"]["read"]) == (342, 306)
    assert said["snapshot"] == str(tmp_path / "all.snap")
    with Snapshot(tmp_path / "all.snap") as snapshot:
        snapshot.verify()
        assert snapshot.manifest.digest == said["digest"]


def test_the_command_shows_it_as_a_table(data: Path, tmp_path: Path) -> None:
    done = toolenv("replay", data, "--out", tmp_path / "all.snap")
    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if line.split()[:1] == ["all"]]
    assert line.split()[1:] == ["242", "202/202", "21/21", "187/202", "17/189", "172"]
    assert "15 calls observe something else" in done.stdout
    assert done.stdout.rstrip().endswith(f"snapshot: {tmp_path / 'all.snap'}")


def test_the_digest_does_not_depend_on_where_the_trees_were_found(
    data: Path, found: Reproduction, tmp_path: Path
) -> None:
    folders = [data / "toolbench" / "answer", data / "stabletoolbench" / "answers"]
    episodes = read_answers(folders[::-1])
    records = [record for one in episodes for record in records_of(one)]
    assert freeze(records, tmp_path / "again.snap").digest == found.manifest.digest


# --- on a tree of our own -----------------------------------------------------------------------


@pytest.fixture
def explored() -> Episode:
    return DFSDT(gives_up_below(2, answered_by=3), breadth=2).run(environment(), SPOKEN)


def test_a_tree_that_was_written_is_replayed_equal(explored: Episode, tmp_path: Path) -> None:
    write_answer(explored, tmp_path / "t_DFS_woFilter_w2.json", method="DFS_woFilter_w2")
    done = reproduce([tmp_path], tmp_path / "made.snap")
    (own,) = done.own
    assert (
        own.calls
        == own.equal
        == sum(call.function == SAY for step in explored.steps for call in step.calls)
    )
    assert own.finishes == own.equal_finishes == 3
    assert own.differences == ()


def test_what_differs_is_named_with_what_was_and_what_is_observed(
    explored: Episode, tmp_path: Path
) -> None:
    write_answer(explored, tmp_path / "t_DFS_woFilter_w2.json", method="DFS_woFilter_w2")
    (recorded,) = read_answers([tmp_path])
    records = list(records_of(recorded))
    changed = records[0]._replace(response=records[0].response._replace(text="something else"))
    freeze([changed, *records[1:]], tmp_path / "made.snap")
    with Snapshot(tmp_path / "made.snap") as snapshot:
        (difference,) = replay(recorded, snapshot).differences
    assert (difference.recording, difference.step) == (recording_of(recorded), 0)
    assert difference.recorded.text == records[0].response.text
    assert difference.observed is not None
    assert difference.observed.text == "something else"
    assert not difference.is_miss


def test_equal_calls_with_different_answers_are_served_in_pre_order(tmp_path: Path) -> None:
    """The n-th answer of the recording, counted over all forks."""
    same = ByPath(lambda path, sibling: saying("the same"))
    explored = DFSDT(same, breadth=2).run(environment(max_steps=2), SPOKEN)
    assert len(explored.steps) == 6
    write_answer(explored, tmp_path / "t_DFS_woFilter_w2.json", method="DFS_woFilter_w2")
    (recorded,) = read_answers([tmp_path])
    records = [
        record._replace(response=record.response._replace(text=f"answer {number}"))
        for number, record in enumerate(records_of(recorded))
    ]
    assert [one.response.ordinal for one in records] == list(range(6))
    freeze(records, tmp_path / "made.snap")
    with Snapshot(tmp_path / "made.snap") as snapshot:
        observed = [one.observed for one in replay(recorded, snapshot).differences]
    assert [one.text for one in observed if one] == [f"answer {number}" for number in range(6)]


@pytest.mark.parametrize("place", ["nowhere", "."])
def test_where_there_is_no_tree_it_says_so(tmp_path: Path, place: str) -> None:
    with pytest.raises(FormatError, match=r"no such file or folder|no answer tree") as refused:
        reproduce([tmp_path / place], tmp_path / "made.snap")
    assert str(tmp_path) in refused.value.where
    assert not (tmp_path / "made.snap").exists()
