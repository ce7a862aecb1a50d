"""Runs that end before they are complete: budgets, Ctrl-C; and going on from there."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.chat.scripted_server import Reply, chat_server
from tests.running import policies_by_hand
from tests.running.answering_server import ANSWER, answering_server, port_of
from tests.running.processes import start, toolenv, wait_until
from toolenv.episodes import Outcome
from toolenv.errors import ConfigurationError
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run
from toolenv.running.tally import Progress

BY_HAND = f"local:{policies_by_hand.__name__}"


BROKEN: tuple[Outcome, ...] = ("infrastructure_error",)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def finished(folder: Path) -> int:
    if not (folder / "manifest.json").exists():
        return 0
    return len(RunFolder.open(folder).finished())


# --- budgets ------------------------------------------------------------------------------------


def test_a_spent_budget_of_tokens_stops_in_order_and_the_run_goes_on_with_more(
    tmp_path: Path,
) -> None:
    with chat_server([ANSWER]) as server:
        configuration = RunConfiguration(
            policies=(f"openai:m?base_url={server.url}",), first=20, concurrency=4, run_tokens=100
        )
        folder = run(configuration, tmp_path / "run")
        assert folder.manifest.stopped == "budget: run_tokens"
        done = len(folder.results())
        assert 5 <= done <= 8, "five cost 90; with four in flight at most three more had begun"
        assert folder.manifest.costs["input_tokens"] == 11 * done
        assert not (folder.path / "results.jsonl").exists()
        same = run(configuration, folder.path, resume=True)
        assert (len(same.results()), same.manifest.stopped) == (done, "budget: run_tokens")
        more = configuration.model_copy(update={"run_tokens": 1000})
        whole = run(more, folder.path, resume=True)
    assert (len(whole.results()), whole.manifest.stopped) == (20, "")
    assert whole.manifest.costs["output_tokens"] == 20 * 7
    assert [session.episodes for session in whole.manifest.sessions] == [done, 0, 20 - done]
    assert len(server.requests) == 20, "nothing was asked twice"


def test_money_is_counted_by_the_price_table(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text("[models.m]\ninput = 1000\noutput = 1000\n")
    with chat_server([ANSWER]) as server:
        configuration = RunConfiguration(
            policies=(f"openai:m?base_url={server.url}",),
            first=20,
            concurrency=1,
            run_money=0.1,
            prices=str(tmp_path / "prices.toml"),
        )
        folder = run(configuration, tmp_path / "run")
    assert folder.manifest.stopped == "budget: run_money"
    assert folder.manifest.costs["money"] == pytest.approx(6 * 0.018)


def test_a_budget_of_money_needs_prices(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"run_money.*Nothing says what random costs"):
        run(RunConfiguration(run_money=1), tmp_path / "run")


def test_episodes_that_exceed_a_budget_by_too_much_are_stopped_and_done_again(
    tmp_path: Path,
) -> None:
    configuration = RunConfiguration(
        policies=(f"{BY_HAND}:Endless",), max_steps=100_000, first=3, run_seconds=0.2
    )
    folder = run(configuration, tmp_path / "run")
    assert folder.manifest.stopped == "budget: run_seconds"
    assert folder.results() == []


def test_the_command_says_why_it_stopped_and_how_to_go_on(tmp_path: Path) -> None:
    with chat_server([ANSWER]) as server:
        command = [
            *("run", "--out", "run", "--policy", f"openai:m?base_url={server.url}"),
            *("--first", "9", "--concurrency", "1", "--run-tokens", "50"),
        ]
        done = toolenv(*command, cwd=tmp_path, NO_PROXY="127.0.0.1")
        assert done.returncode == 3, done.stderr
        assert done.stderr.splitlines()[-1] == (
            "stopped: the budget --run-tokens is spent; 3 of 9 episodes are finished and kept; "
            "go on with: toolenv run --out run --resume --run-tokens MORE"
        )
        again = toolenv(
            *("run", "--out", "run", "--resume", "--run-tokens", "5000", "--json"),
            cwd=tmp_path,
            NO_PROXY="127.0.0.1",
        )
    assert again.returncode == 0, again.stderr
    assert len(json.loads(again.stdout)["results"]) == 9


# --- Ctrl-C -------------------------------------------------------------------------------------


def test_the_first_ctrl_c_lets_those_in_flight_finish(tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(
        *("run", "--out", out, "--policy", f"{BY_HAND}:Endless", "--max-steps", "60"),
        *("--concurrency", "4", "--durability", "step"),
    )
    assert wait_until(lambda: finished(out) >= 4, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    folder = RunFolder.open(out)
    kept = folder.finished()
    assert folder.unfinished() == [], "what had begun has finished"
    assert 4 < len(kept) < 48
    assert folder.manifest.stopped == "interrupted"
    assert "stopping: interrupted; " in err and "Ctrl-C again stops at once" in err
    assert err.splitlines()[-1] == (
        f"interrupted: {len(kept)} of 48 episodes are finished and kept; "
        f"go on with: toolenv run --out {out} --resume"
    )


def test_the_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(
        *("run", "--out", out, "--policy", f"{BY_HAND}:Endless", "--policy", "random"),
        *("--max-steps", "1000000", "--first", "4"),
    )
    assert wait_until(lambda: finished(out) == 4, process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    told = process.stderr.readline()
    assert told.startswith("stopping: interrupted; ") and "Ctrl-C again stops at once" in told
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted: 4 of 8 episodes are finished and kept" in err
    assert RunFolder.open(out).manifest.stopped == "interrupted"


# --- failures -----------------------------------------------------------------------------------


def test_only_what_infrastructure_broke_is_done_again(tmp_path: Path) -> None:
    gone = [Reply({"error": {"message": "overloaded"}}, 503)] * 3
    with chat_server([*gone, ANSWER]) as server:
        configuration = RunConfiguration(
            policies=(f"openai:m?base_url={server.url}&max_retries=0",), first=8, concurrency=1
        )
        folder = run(configuration, tmp_path / "run")
        assert folder.manifest.counts["infrastructure_error"] == 3
        asked = len(server.requests)
        assert len(run(configuration, folder.path, resume=True).results()) == 8
        assert len(server.requests) == asked, "a broken episode is finished unless asked otherwise"
        mended = run(configuration, folder.path, resume=True, retry=BROKEN)
        assert len(server.requests) == asked + 3
    assert mended.manifest.counts["infrastructure_error"] == 0
    assert (mended.manifest.counts["episodes"], len(mended.results())) == (8, 8)


# --- a policy server that dies ------------------------------------------------------------------


def test_a_policy_server_that_is_killed_and_comes_back_loses_nothing(tmp_path: Path) -> None:
    """Episodes that met the dead server are broken, and they alone are done again."""
    out, log = tmp_path / "run", tmp_path / "log"
    with answering_server(log) as (server, url):
        configuration = RunConfiguration(
            policies=(f"openai:m?base_url={url}&max_retries=0",),
            seeds=(0, 1, 2, 3),
            concurrency=8,
        )

        def kill_in_the_middle(progress: Progress) -> None:
            if progress.done == 60:
                server.kill()

        before = {
            row.key: row for row in run(configuration, out, report=kill_in_the_middle).results()
        }
    assert len(before) == 192, "every episode has a result"
    broken = {key for key, row in before.items() if row.outcome == "infrastructure_error"}
    assert 192 - 60 - 8 <= len(broken) <= 192 - 60
    log.unlink()
    with answering_server(log, port_of(url)):
        again = run(configuration, out, resume=True, retry=BROKEN)
    assert len(log.read_bytes()) == len(broken), "each broken one is asked for once, no other is"
    after = {row.key: row for row in again.results()}
    assert len(after) == 192
    assert {row.outcome for row in after.values()} == {"failed"}
    assert all(after[key] == row for key, row in before.items() if key not in broken)


# --- more of it ---------------------------------------------------------------------------------


def test_a_run_is_extended_with_seeds_and_agents_and_does_only_these(tmp_path: Path) -> None:
    few = RunConfiguration(first=5)
    more = RunConfiguration(first=5, seeds=(0, 7), agents=("react", "dfsdt"), policy_calls=None)
    run(few, tmp_path / "run")
    extended = run(more, tmp_path / "run", extend=True)
    whole = run(more, tmp_path / "whole")
    assert [one.episodes for one in extended.manifest.sessions] == [5, 15]
    assert (extended.path / "results.jsonl").read_bytes() == (
        whole.path / "results.jsonl"
    ).read_bytes()


def test_the_command_extends_the_run_that_is_there(tmp_path: Path) -> None:
    assert toolenv("run", "--out", "run", "--first", "2", cwd=tmp_path).returncode == 0
    grown = toolenv(
        *("run", "--out", "run", "--extend", "--seed", "1", "--agent", "dfsdt", "--json"),
        cwd=tmp_path,
    )
    assert grown.returncode == 0, grown.stderr
    rows = json.loads(grown.stdout)["results"]
    assert {(row["agent"], row["seed"]) for row in rows} == {
        ("react", 0), ("react", 1), ("dfsdt", 0), ("dfsdt", 1),
    }  # fmt: skip
    assert len(rows) == 8
