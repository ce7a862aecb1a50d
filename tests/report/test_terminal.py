from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from rich.console import Console, RenderableType

from tests.report.runs_by_hand import HOSTILE, chain, hostile, mixed, tree
from tests.running.episodes_by_hand import episodes
from toolenv.episodes import Episode, Outcome
from toolenv.report.summary import shares, summarise
from toolenv.report.terminal import render_episode, results_table
from toolenv.report.visible import visible
from toolenv.running.results import result_of
from toolenv.tasks import Task

TASK = Task(id="588", instruction="What is the weather in Paris?")


def printed(renderable: RenderableType, *, width: int = 120, colours: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=colours,
        color_system="truecolor" if colours else None,
    )
    console.print(renderable)
    return file.getvalue()


def test_a_tree_is_readable() -> None:
    text = printed(render_episode(tree(TASK), length=60))
    lines = [line.rstrip() for line in text.splitlines()]
    assert "What is the weather in Paris?" in text
    assert "● step 0" in re.sub(" +", " ", text)
    assert '→ search_for_weather(city="Paris", days=3)' in text
    assert "… 1,224 more characters" in text
    assert "← ok · llm (simulated)" in text
    assert "■ ended: limit:api_calls" in text
    assert "answer  No warnings; 21 °C." in text
    steps = {
        int(found[2]): (line.index(found[1]), found[1])
        for line in lines
        if (found := re.search(r"([●○]) +step (\d)", line))
    }
    assert [steps[number][1] for number in range(6)] == ["●", "○", "○", "●", "○", "●"]
    assert [steps[number][0] for number in range(6)] == [0, 3, 3, 3, 6, 6]


def test_a_chain_is_not_indented() -> None:
    text = printed(render_episode(chain(TASK)))
    assert all(line.startswith("●") for line in text.splitlines() if " step " in line)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_outside_is_shown_and_not_obeyed(text: str) -> None:
    episode = hostile(text, 1)
    for renderable in (render_episode(episode), results_table([result_of(episode)])):
        plain = printed(renderable, width=1000)
        assert visible(text) in plain
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]", plain)
        coloured = printed(renderable, width=1000, colours=True)
        assert set(re.findall("\x1b[^m]*m?", coloured)) == set(
            re.findall(r"\x1b\[[0-9;]*m", coloured)
        )
        coloured.encode()


@given(episodes())
@settings(max_examples=60, deadline=None)
def test_any_episode_can_be_shown(episode: Episode) -> None:
    printed(render_episode(episode), width=40).encode()


def test_results_are_added_up_by_agent_and_policy() -> None:
    text = printed(results_table([result_of(episode) for episode in mixed()]), width=160)
    rows = [re.sub("[│ ]+", " ", line).strip() for line in text.splitlines() if "│" in line]
    assert rows == [
        "dfsdt script 12 75.0% 46.8–91.1 0.0–100.0 0.0% 0 6.0 6.0 4.0",
        "react random 12 9.1% 1.6–37.7 9.1–9.1 100.0% 1 2.0 2.0 1.0",
        "react script 12 33.3% 13.8–60.9 33.3–33.3 100.0% 0 2.0 2.0 1.0",
    ]


def test_misses_are_shown_only_where_there_are_any() -> None:
    without = [result_of(episode) for episode in mixed() if episode.agent == "react"]
    assert "bounds" not in printed(results_table(without))
    assert "bounds" in printed(results_table([result_of(tree(TASK))]))


def test_a_miss_is_censored_and_no_failure() -> None:
    outcomes: list[tuple[Outcome, int]] = [
        ("passed", 0),
        ("passed", 2),
        ("failed", 0),
        ("failed", 1),
        ("infrastructure_error", 1),
    ]
    group = summarise(
        [
            result_of(chain(TASK, outcome=outcome))._replace(misses=misses)
            for outcome, misses in outcomes
        ]
    )
    assert group.rate == 0.5
    assert group.bounds == (0.25, 0.75)
    assert group.without_miss == pytest.approx(0.4)
    undecided = summarise([result_of(chain(TASK, outcome="unsure"))])
    assert undecided.bounds is None and undecided.without_miss == 1


def test_the_share_of_calls_by_source_and_origin_is_one_line() -> None:
    results = [result_of(episode) for episode in mixed()]
    assert shares(results) == (
        "calls: snapshot 67 %, llm 17 %, miss 17 %; origins: live 80 %, simulated 20 %"
    )
    assert shares([]) == "calls: none reached an API"
    many = results[0]._replace(calls_by_source={"live": 999, "store": 1}, misses=0)
    assert shares([many]).startswith("calls: live > 99 %, store < 1 %")


def test_headings_are_whole_in_80_columns_when_some_are_unsure_and_some_broke() -> None:
    policy = "openai:m?base_url=http://127.0.0.1:9/v1"
    outcomes: list[Outcome] = ["passed", "unsure", "infrastructure_error"]
    results = [
        result_of(chain(TASK, outcome=outcome))._replace(agent="dfsdt?breadth=3", policy=policy)
        for outcome in outcomes
    ]
    text = printed(results_table(results), width=80)
    headings = set(re.findall(r"\w+", text.partition("┡")[0]))
    assert headings >= {"agent", "policy", "episodes", "unsure", "broken", "steps", "calls"}
    assert "…" not in text


def test_long_specifications_have_labels_that_are_explained_below() -> None:
    agents = ["react", "dfsdt?breadth=3&siblings=hidden"]
    policies = [
        f"local:toolenv.mini.benchmark:trained_policy?stage={one}" for one in ("dpo", "sft")
    ]
    results = [
        result_of(chain(TASK, outcome="passed"))._replace(agent=agent, policy=policy)
        for agent in agents
        for policy in policies
    ]
    text = printed(results_table(results), width=80)
    rows = [re.sub("[│ ]+", " ", line).split() for line in text.splitlines() if "│" in line]
    assert [row[:3] for row in rows] == [
        [agent, "trained_policy", f"stage={stage}"]
        for agent in ("dfsdt", "react")
        for stage in ("dpo", "sft")
    ]
    legend = text.partition("Wilson")[2]
    for label, whole in (("dfsdt", agents[1]), ("trained_policy stage=sft", policies[1])):
        assert re.search(rf"^{label} +{re.escape(whole)} *$", legend, re.MULTILINE)
    assert "react" not in legend, "what is short needs no label"
    narrow = printed(results_table(results), width=48)
    assert policies[0] in "".join(line[-24:].strip() for line in narrow.splitlines())


def test_what_nothing_has_decided_has_no_rate() -> None:
    text = printed(results_table([result_of(chain(TASK, outcome="unsure"))]))
    assert "–" in text and "0.0%" not in text
    assert "unsure" in text
