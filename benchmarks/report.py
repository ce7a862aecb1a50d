"""A report over 10,000 episodes of 11 steps of about 1 KB: writing it, opening it, reading one.

The responses are JSON whose numbers and words are drawn anew for each, so that they compress about
as an API's do. The page is opened in headless Chromium: *usable* is until the list of episodes can
be filtered, *loaded* until the browser says that it has read the whole file.

    python -m benchmarks.report
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import table
from toolenv import Task
from toolenv.apis import API, FINISH, Identity
from toolenv.episodes import Call, Cost, Episode, FunctionCall, Message, Response, Status, Step
from toolenv.jsontext import render
from toolenv.report.page import write_report
from toolenv.running.folder import RunFolder

STEPS = 11
_API = API(category="Travel", tool="places", name="search", description="Places of a city.")
_WORDS = re.findall(
    r"\w+",
    """harbour museum old town garden market bridge tower river gallery theatre library station
    quarter square church palace park viewpoint hall island castle mill lane court""",
)


def body(generator: random.Random) -> str:
    """A response of about a kilobyte."""
    items = [
        {
            "id": generator.randrange(10**7),
            "name": " ".join(generator.choices(_WORDS, k=3)),
            "rating": round(generator.random() * 5, 2),
            "open": generator.random() < 0.5,
        }
        for _ in range(12)
    ]
    return render({"error": "", "response": {"results": items}})


def attempt(task: Task, generator: random.Random) -> Episode:
    """Ten calls and an answer."""
    steps: list[Step] = []
    for number in range(STEPS - 1):
        written = FunctionCall("search_for_places", render({"city": task.id, "page": number}))
        call = Call(
            written.name,
            {"city": task.id, "page": number},
            Identity("search_for_places", "Travel", "places", "search"),
            written.arguments,
        )
        text = body(generator)
        response = Response(text, Status.OK, "snapshot", "live")
        message = Message("I look at the next page of places in that city.", (written,))
        steps.append(Step(number - 1, 0, message, (call,), (response,), text))
    told = f"There are {generator.randrange(40)} places, rated {generator.random() * 5:.2f}. "
    answer = told + " ".join(generator.choices(_WORDS, k=110))
    arguments = {"return_type": "give_answer", "final_answer": answer}
    final = Call(FINISH, {**arguments}, None, render(arguments))
    closed = Response('{"error":"","response":"chat closed"}', Status.ANSWERED)
    steps.append(
        Step(STEPS - 2, 0, Message(), (final,), (closed,), closed.text, 1.0, ended="answer")
    )
    passed = generator.random() < 0.7
    return Episode(
        task,
        tuple(steps),
        STEPS - 1,
        "react",
        "script",
        0,
        "answer",
        "passed" if passed else "failed",
        float(passed),
        Cost(STEPS, generator.randrange(4_000, 20_000), 400, STEPS - 1, 0.01),
    )


def make_run(path: Path, episodes: int) -> None:
    """A run of so many episodes."""
    generator = random.Random(0)
    tasks = [
        Task(
            id=str(number),
            instruction=f"I plan a day in city {number}: which places should I see, and when?",
            apis=(_API,),
            split=f"split-{number % 6}",
        )
        for number in range(episodes)
    ]
    with RunFolder.create(path, tasks, sync="never") as run:
        for task in tasks:
            run.journal.write(attempt(task, generator))
        run.write_results()


def open_page(page: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds until the page is usable and loaded, and until an episode is open."""
    from playwright.sync_api import sync_playwright

    found: dict[str, list[float]] = {"usable": [], "loaded": [], "episode": []}
    with sync_playwright() as playwright:
        for _ in range(repeats):
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            tab = browser.new_page()
            began = time.perf_counter()
            tab.goto(f"{page.as_uri()}#episodes", wait_until="commit")
            tab.wait_for_selector(".row", state="attached")
            found["usable"].append(time.perf_counter() - began)
            tab.wait_for_load_state("load")
            found["loaded"].append(time.perf_counter() - began)
            began = time.perf_counter()
            tab.locator(".row").nth(60).click()
            tab.wait_for_selector(".step")
            found["episode"].append(time.perf_counter() - began)
            browser.close()
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="A folder to leave run and page in.")
    options = parser.parse_args([] if arguments is None else arguments)
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder)
        make_run(place / "run", options.episodes)
        written, spent = [], []
        for _ in range(options.repeats):
            began, before = time.perf_counter(), time.process_time()
            write_report([place / "run"], place / "report.html")
            written.append(time.perf_counter() - began)
            spent.append(time.process_time() - before)
        megabytes = (place / "report.html").stat().st_size / 2**20
        opened = open_page(place / "report.html", options.repeats)

    def seconds(times: list[float]) -> str:
        return f"{statistics.median(times):.2f} s ({min(times):.2f}–{max(times):.2f})"

    table(
        f"{options.episodes:,} episodes of {STEPS} steps of 1 KB",
        [
            ("figure", "asked", "measured"),
            ("report written", "under 20 s", f"{seconds(written)}; {megabytes:.0f} MiB"),
            ("the same, of processor", "", seconds(spent)),
            ("page usable in Chromium", "under 2 s", seconds(opened["usable"])),
            ("page loaded wholly", "", seconds(opened["loaded"])),
            ("an episode opened", "", seconds(opened["episode"])),
        ],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
