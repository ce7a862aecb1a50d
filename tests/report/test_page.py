from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.runs_by_hand import HOSTILE, hostile, mixed, write_run
from tests.running.episodes_by_hand import episodes
from toolenv.episodes import Episode
from toolenv.errors import JournalError
from toolenv.report.page import write_report
from toolenv.report.visible import visible
from toolenv.running.folder import RunFolder
from toolenv.tasks import Task


class Elements(HTMLParser):
    """Counts the elements of a page, and gathers its text apart from script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.text = ""
        self.inline: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.tags and self.lasttag in ("script", "style") and self.lasttag not in self.inline:
            self.inline[self.lasttag] = data
        else:
            self.text += data


def written(path: Path, found: list[Episode], **options: int) -> str:
    write_report([write_run(path / "run", found)], path / "report.html", **options)  # type: ignore[arg-type]
    return (path / "report.html").read_text(encoding="utf-8")


def test_it_shows_what_happened(tmp_path: Path) -> None:
    page = Elements(written(tmp_path, mixed()))
    text = re.sub(r"\s+", " ", page.text)
    for part in (
        "36 episodes of 12 tasks, in 1 run",
        "75.0 % 46.8–91.1",
        "G1_instruction",
        "error:simulator",
        'search_for_weather(city="Paris", days=3)',
        "source llm origin simulated",
        "✓ chosen path",
        "branch 2 of 2",
        "ended: limit:api_calls",
        "environment-0123456789abcdef",
    ):
        assert part in text
    assert page.tags.count("details") == 36


def test_nothing_from_a_run_becomes_an_element(tmp_path: Path) -> None:
    harmless = Elements(written(tmp_path / "a", [hostile("harmless", n) for n in range(7)]))
    page = Elements(written(tmp_path / "b", [hostile(t, n) for n, t in enumerate(HOSTILE)]))
    assert set(page.tags) == set(harmless.tags)
    for tag in ("script", "style", "h1", "details", "pre", "img"):
        assert page.tags.count(tag) == harmless.tags.count(tag), tag
    assert {name for name, _ in page.attributes} == {name for name, _ in harmless.attributes}
    for text in HOSTILE:
        assert visible(text) in page.text


@given(st.lists(episodes("1"), max_size=3, unique_by=lambda episode: episode.seed))
@settings(max_examples=30, deadline=None)
def test_any_episode_can_be_shown(found: list[Episode]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        page = Elements(written(Path(folder), found))
        assert page.tags.count("script") == 1


def test_it_needs_no_network_and_allows_its_own_script_alone(tmp_path: Path) -> None:
    text = written(tmp_path, mixed())
    page = Elements(text)
    assert not re.search(r"https?://|@import|url\(", text)
    assert not {name for name, _ in page.attributes} & {"src", "srcset", "style", "onerror"}
    links = [value for name, value in page.attributes if name == "href"]
    assert links and all(value and value.startswith("#") for value in links)
    for tag in ("script", "style"):
        digest = hashlib.sha256(page.inline[tag].encode()).digest()
        assert f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}'" in text.replace(
            "&#39;", "'"
        )


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    pages = {written(tmp_path / name, mixed()[::step]) for name, step in (("a", 1), ("b", -1))}
    a, b = (re.sub(r"tasks-\w+", "", page) for page in [*pages, *pages][:2])
    assert a == b


def test_a_large_run_says_what_it_leaves_out(tmp_path: Path) -> None:
    page = Elements(written(tmp_path, mixed(), episodes=10, text_length=100))
    assert page.tags.count("details") == 11
    assert "26 more episodes" in page.text and "it holds those of 10" in page.text
    assert "1,184 more characters are not in this page" in page.text
    assert page.text.count("599") >= 3


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "run", mixed()[:6])
    write_run(tmp_path / "b" / "run", mixed()[6:])
    write_report([tmp_path / "a" / "run", str(tmp_path / "b" / "run")], tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "run (2)" in text and "in 2 runs" in text
    assert str(tmp_path) not in text


def test_a_run_without_an_episode(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", [Task(id="1", instruction="?")]).close()
    write_report([tmp_path / "run"], tmp_path / "report.html")
    assert "No episode has finished yet" in (tmp_path / "report.html").read_text()


def test_what_cannot_be_reported_says_why(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="not a run folder"):
        write_report([tmp_path], tmp_path / "report.html")
    with pytest.raises(JournalError, match="No run was named"):
        write_report([], tmp_path / "report.html")
