"""The page as a file: what is in it, and that nothing from a run is more than text."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.page_by_hand import Elements
from tests.report.runs_by_hand import HOSTILE, chain, hostile, judge, mixed, tree, write_run
from tests.running.episodes_by_hand import episodes
from toolenv.episodes import Episode
from toolenv.errors import JournalError
from toolenv.judging.agreement import Label
from toolenv.report.page import write_report
from toolenv.report.visible import visible
from toolenv.running.folder import RunFolder
from toolenv.running.manifest import Session
from toolenv.tasks import Task


def written(path: Path, found: list[Episode], **options: int) -> str:
    write_report([write_run(path / "run", found)], path / "report.html", **options)  # type: ignore[arg-type]
    return (path / "report.html").read_text(encoding="utf-8")


def test_the_summary_needs_no_script(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", mixed())
    judge(run)
    write_report([run], tmp_path / "report.html")
    page = Elements((tmp_path / "report.html").read_text("utf-8"))
    for part in (
        "36 episodes of 12 tasks, in 1 run",
        "75.0 % 46.8–91.1",
        "G1_instruction",
        "error:simulator",
        "no simulator had an answer",
        "dfsdt script: passed 75.0%",
        "agreement with people: unknown",
        "allow scripts to see them",
    ):
        assert part in page.words
    assert page.tags.count("table") == 6


def test_what_the_run_was_made_with_is_shown(tmp_path: Path) -> None:
    session = Session(began="2026-01-02T03:04:05+00:00", seconds=1.5, host={"processors": 4})
    with RunFolder.create(
        tmp_path / "run", [], configuration={"max_steps": 9}, environment={"limits": "limits-1"}
    ) as run:
        manifest = run.manifest.model_copy(
            update={"sessions": (session,), "costs": {"money": 0.25, "api_calls": 1_000}}
        )
        manifest.write(run.path / "manifest.json")
    write_report([run.path], tmp_path / "report.html")
    words = Elements((tmp_path / "report.html").read_text("utf-8")).words
    for part in (
        "limits limits-1",
        '"max_steps": 9',
        "took 1.5 s",
        "processors 4",
        "money 0.25",
        "api calls 1,000",
    ):
        assert part in words


def test_verdicts_are_held_against_what_people_say(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", mixed())
    judge(run)
    labels = [Label(task=str(588 + n), label="passed", agent="dfsdt") for n in range(12)]
    write_report([run], tmp_path / "report.html", labels=labels)
    page = Elements((tmp_path / "report.html").read_text("utf-8"))
    assert "agreement with people, 12 labels: kappa" in page.words


def test_every_step_of_every_episode_is_in_the_file(tmp_path: Path) -> None:
    found = mixed()
    page = Elements(written(tmp_path, found))
    held = page.episodes
    assert len(held) == len(found)
    assert sum(len(one["steps"]) for one in held) == sum(len(one.steps) for one in found)
    first = held[0]["steps"]
    assert first[0]["calls"][0]["text"] == tree(found[0].task).steps[0].responses[0].text
    assert first[3]["calls"][0]["arguments"] == 'area="Paris"'
    assert (first[3]["calls"][0]["source"], first[3]["calls"][0]["origin"]) == ("llm", "simulated")
    assert [step["state"] for step in first] == [
        "success",
        "backtracked",
        "gave_up",
        "success",
        "limit",
        "success",
    ]
    assert held[0]["chosen"] == [0, 3, 5]


def test_episodes_are_packed_many_to_a_chunk(tmp_path: Path) -> None:
    many = [tree(Task(id=str(n), instruction="?")) for n in range(200)]
    page = Elements(written(tmp_path, many))
    chunks = [name for name in page.scripts if name.startswith("chunk-")]
    assert 1 < len(chunks) < 20
    assert len(page.episodes) == 200


def test_what_is_cut_is_said(tmp_path: Path) -> None:
    page = Elements(written(tmp_path, mixed()[:1], text_length=100))
    text, missing = page.episodes[0]["steps"][0]["calls"][0]["text"]
    assert (len(text), missing) == (100, 1184)


def test_nothing_from_a_run_becomes_an_element(tmp_path: Path) -> None:
    harmless = Elements(written(tmp_path / "a", [hostile(f"harmless {n}", n) for n in range(7)]))
    page = Elements(written(tmp_path / "b", [hostile(t, n) for n, t in enumerate(HOSTILE)]))
    for tag in ("script", "style", "h1", "details", "pre", "img", "section"):
        assert page.tags.count(tag) == harmless.tags.count(tag), tag
    assert set(page.tags) == set(harmless.tags)
    assert {name for name, _ in page.attributes} == {name for name, _ in harmless.attributes}
    for text in HOSTILE:
        assert visible(text) in page.text


def test_what_acts_is_made_visible_in_the_data_too(tmp_path: Path) -> None:
    page = Elements(written(tmp_path, [hostile(t, n) for n, t in enumerate(HOSTILE)]))
    data = str(page.index) + str(page.episodes)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]", data)
    assert page.index["rows"][0][1].startswith("hostile 0")


@given(st.lists(episodes("1"), max_size=3, unique_by=lambda episode: episode.seed))
@settings(max_examples=30, deadline=None)
def test_any_episode_can_be_shown(found: list[Episode]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = Elements(written(Path(folder), found))
        assert [len(one["steps"]) for one in page.episodes] == [
            row[11][0] for row in page.index["rows"]
        ]


def test_it_needs_no_network_and_allows_its_own_script_alone(tmp_path: Path) -> None:
    text = written(tmp_path, mixed())
    page = Elements(text)
    shown = text.replace("http://www.w3.org/2000/svg", "")  # a name, not a place
    assert not re.search(r"https?://|@import|url\(", shown)
    assert not {name for name, _ in page.attributes} & {"src", "srcset", "style", "onerror"}
    links = [value for name, value in page.attributes if name == "href"]
    assert links and all(value and value.startswith("#") for value in links)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    policy = policy.replace("&#39;", "'")
    for name, source in (("script", page.scripts["code"]), ("style", page.style)):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    for rule in ("default-src 'none'", "connect-src 'none'", "require-trusted-types-for 'script'"):
        assert rule in policy
    assert "unsafe" not in policy


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    """In whichever order their episodes finished; the tasks' own order is part of the run."""
    one, other = (written(tmp_path / name, mixed()[::step]) for name, step in (("a", 1), ("b", -1)))
    plain, turned = (re.sub(r"tasks-\w+", "", page) for page in (one, other))
    assert plain == turned


def test_several_runs_are_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "run", mixed()[:6])
    write_run(tmp_path / "b" / "run", mixed()[6:])
    write_report([tmp_path / "a" / "run", str(tmp_path / "b" / "run")], tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "run (2)" in text and "in 2 runs" in text
    assert str(tmp_path) not in text


def test_tasks_of_one_name_and_other_instructions_are_two(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, [chain(Task(id="I1-inst-1", instruction=f"Of {name}."))])
        for name in ("one", "other", "another")
    ]
    again = write_run(tmp_path / "again", [chain(Task(id="I1-inst-1", instruction="Of one."))])
    write_report([*runs, again], tmp_path / "report.html")
    assert "4 episodes of 3 tasks, in 4 runs" in (tmp_path / "report.html").read_text()


def test_a_run_without_an_episode(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", [Task(id="1", instruction="?")]).close()
    write_report([tmp_path / "run"], tmp_path / "report.html")
    page = Elements((tmp_path / "report.html").read_text())
    assert "No episode has finished yet" in page.text
    assert page.index["rows"] == []


def test_what_cannot_be_reported_says_why(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="not a run folder"):
        write_report([tmp_path], tmp_path / "report.html")
    with pytest.raises(JournalError, match="No run was named"):
        write_report([], tmp_path / "report.html")
