"""``toolenv view`` as a process, looked at in a real browser while the run is written."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.report.chromium import chromium, needs_chromium, tab
from tests.report.runs_by_hand import HOSTILE, chain, hostile, judge, mixed, tree, write_run
from tests.running.processes import start, toolenv
from toolenv.running.folder import RunFolder
from toolenv.tasks import Task


@contextmanager
def viewing(*runs: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = start("view", *runs, "--port", "0")
    try:
        assert process.stdout is not None and process.stderr is not None
        said = process.stdout.readline()
        assert said.startswith("viewing at http://127.0.0.1:"), process.stderr.read()
        yield process, said.split()[-1]
    finally:
        process.kill()
        process.communicate()


@needs_chromium
def test_a_run_is_looked_at_while_it_grows(tmp_path: Path) -> None:
    tasks = [Task(id=str(n), instruction=f"What is the weather in city {n}?") for n in range(3)]
    with RunFolder.create(tmp_path / "run", tasks) as run:
        run.journal.write(tree(tasks[0]))
        run.journal.flush()
        with viewing(tmp_path / "run") as (_, address), chromium() as browser, tab(browser) as page:
            page.goto(f"{address}/#episodes")
            expect(page.locator(".row")).to_have_count(1)
            page.get_by_label("Search instructions").fill("city 1")
            expect(page.locator(".row")).to_have_count(0)
            run.journal.write(chain(tasks[1]))
            run.journal.flush()
            expect(page.locator(".row")).to_have_count(1)  # what was typed still holds
            expect(page.get_by_label("Search instructions")).to_be_focused()
            page.locator(".row").click()
            expect(page.locator(".step")).to_have_count(2)
            page.get_by_role("link", name="Summary").click()
            expect(page.get_by_text("2 episodes of 3 tasks")).to_be_visible()
            page.goto(f"{address}/#episode/run/0/dfsdt/script/0")
            expect(page.locator(".step")).to_have_count(6)
            page.locator(".step").first.evaluate("(step) => { step.title = 'being read' }")
            run.journal.write(chain(tasks[2], outcome="failed"))
            run.write_results()
            expect(page.locator("#status")).to_have_text("3 episodes")
            expect(page.get_by_title("being read")).to_be_visible()  # and nothing has moved
            page.get_by_role("link", name="Summary").click()
            expect(page.get_by_text("3 episodes of 3 tasks")).to_be_visible()
            judge(RunFolder.open(tmp_path / "run"))
            expect(page.get_by_role("heading", name="Verdicts: careful")).to_be_visible()
            page.goto(f"{address}/#episodes?text=leads+nowhere&steps=yes")
            expect(page.locator(".row")).to_have_count(1)


@needs_chromium
def test_no_text_from_a_run_is_obeyed_there_either(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [hostile(text, n) for n, text in enumerate(HOSTILE)])
    with viewing(tmp_path / "run") as (_, address), chromium() as browser, tab(browser) as page:
        page.goto(f"{address}/#episodes")
        expect(page.locator(".row")).to_have_count(len(HOSTILE))
        for number in range(len(HOSTILE)):
            page.locator(".row").nth(number).click()
            expect(page.locator("#episode-title")).to_contain_text(f"Task hostile {number} ")
            expect(page.locator(".step")).to_have_count(1)
            page.locator("#back").click()
        assert page.title() == "run"
        assert page.locator("#pwned, img").count() == 0


def test_it_answers_to_its_own_name_alone_and_lets_no_other_site_read(tmp_path: Path) -> None:
    write_run(tmp_path / "run", mixed()[:1])
    with viewing(tmp_path / "run") as (_, address), httpx.Client(base_url=address) as client:
        assert client.get("/").status_code == 200
        for path in ("/", "/index", "/search?text=a", "/episode"):
            for host in ("evil.example", "127.0.0.1.evil.example", "192.168.0.1"):
                assert client.get(path, headers={"Host": host}).status_code == 400
            reply = client.get(path, headers={"Origin": "http://evil.example"})
            assert not [name for name in reply.headers if name.startswith("access-control")]
            assert reply.headers["cross-origin-resource-policy"] == "same-origin"
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert client.post("/index").status_code == 405
        assert client.get("/episode?run=run&task=588").status_code == 400
        asked = {"run": "run", "task": "none", "agent": "a", "policy": "p", "seed": "0"}
        assert client.get("/episode", params=asked).json() == {"error": "No such episode."}


def test_a_client_that_knows_the_list_is_not_sent_it_again(tmp_path: Path) -> None:
    write_run(tmp_path / "run", mixed()[:1])
    with viewing(tmp_path / "run") as (_, address), httpx.Client(base_url=address) as client:
        known = client.get("/index").json()["version"]
        assert client.get("/index", params={"known": known}).status_code == 204
        judge(RunFolder.open(tmp_path / "run"))
        assert client.get("/index", params={"known": known}).json()["rows"][0][14] == [
            ["careful", "passed"]
        ]


def test_what_cannot_be_read_for_a_while_is_said_and_what_was_read_is_kept(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", mixed()[:3])
    manifest = run.path / "manifest.json"
    whole = manifest.read_bytes()
    with viewing(run.path) as (_, address), httpx.Client(base_url=address) as client:
        manifest.write_bytes(whole[:20])
        said = client.get("/index").json()
        assert "manifest.json" in said["problem"] and len(said["rows"]) == 3
        assert client.get("/").status_code == 200
        manifest.write_bytes(whole)
        said = client.get("/index", params={"known": said["version"]}).json()
        assert said["problem"] == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    write_run(tmp_path / "run", mixed()[:1])
    with viewing(tmp_path / "run") as (process, _):
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")


def test_what_cannot_be_viewed_is_one_line(tmp_path: Path) -> None:
    done = toolenv("view", "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"error: nowhere: There is no such folder.*\n", done.stderr)
    write_run(tmp_path / "run", mixed()[:1])
    with viewing(tmp_path / "run") as (_, address):
        done = toolenv("view", tmp_path / "run", "--port", address.rpartition(":")[2])
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "choose another --port" in done.stderr
