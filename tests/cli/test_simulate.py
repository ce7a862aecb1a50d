from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.running import pretending
from tests.running.processes import toolenv
from tests.running.ranked_runs import at_least, written
from toolenv.snapshots import Store, freeze

HERE = f"local:{pretending.__name__}"
SHOWN = "examples={examples}&count={count}"
TASKS = f"{pretending.__name__}:documents"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulate")
    freeze(pretending.recorded(), folder / "real.snap")
    with Store(folder / "live") as store:
        for record in pretending.recorded():
            store.add(record)
    order = (1, 2, 4, 5, 7, 8, 10, 11)
    written(folder / "recorded", at_least(*order))
    written(folder / "simulated", at_least(*(n + 1 for n in order)), simulator="simulator-2")
    written(folder / "few", at_least(*order), policies=range(3))
    return folder


def test_evaluate_shows_what_is_measured_in_eighty_columns(folder: Path) -> None:
    command = ("simulate", "evaluate", "real.snap", "--tasks", TASKS, "--samples", "200")
    spec = f"{HERE}:learns?{SHOWN}"
    done = toolenv(*command, "--simulator", spec, "--out", "one.json", cwd=folder, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "held out by whole API: 16 calls of 2 APIs" in lines
    assert "recorded: 8 successes, 8 errors, 0 neither" in lines
    assert any(line.startswith("nearest example: 0.") for line in lines)
    row = next(line for line in lines if line.startswith("bad calls accepted"))
    assert row.split()[3:] == ["0", "0.0", "(0–0)", "8"]  # copying has no answer to compare with
    assert "copying: 16 of 16 without an answer, 0 failed" in lines
    assert lines[-1] == "report: one.json"
    assert done.stderr.splitlines()[-1].startswith("calls ")  # plain where there is no terminal

    again = toolenv(*command, "--simulator", spec, "--json", "--out", "two.json", cwd=folder)
    assert (folder / "one.json").read_bytes() == (folder / "two.json").read_bytes()
    report = json.loads(again.stdout)
    assert report == json.loads((folder / "one.json").read_bytes()) and not again.stderr
    accepted = {
        one["examples"]: one["figures"]["error"]["accepted"]["value"]
        for one in report["fidelity"]["conditions"]
        if (one["way"], one["who"]) == ("distance", "simulator")
    }
    assert accepted == {0: 0, 1: 1, 3: 0, 5: 0}


def test_a_store_and_one_way_of_holding_out_are_enough(here: Here, folder: Path) -> None:
    done = here(
        f"simulate evaluate live --simulator {HERE}:wrong --by api --api-share 0.5 --json", folder
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["fidelity"]
    assert list(report["held_out"]) == ["api"]
    assert [one["examples"] for one in report["conditions"]] == [None, None]
    assert report["conditions"][1]["figures"]["all"]["agreement"]["value"] == 0


def test_nothing_answered_is_a_failure(here: Here, folder: Path) -> None:
    done = here(
        f"simulate evaluate real.snap --simulator '{HERE}:peeks?{SHOWN}' --examples 1", folder
    )
    assert done.returncode == 1
    assert "without an answer" in done.stdout


def test_ranks_of_policies_are_compared(here: Here, folder: Path) -> None:
    done = here(
        "simulate evaluate --recorded-runs recorded --simulated-runs simulated --out ranks.json",
        folder,
    )
    assert done.returncode == 0, done.stderr
    assert "8 policies, 12 tasks" in done.stdout
    assert "Kendall's tau-b: 1.00 (" in done.stdout and "meaningless" not in done.stdout
    ranks = json.loads((folder / "ranks.json").read_bytes())["ranks"]
    assert ranks["spearman"]["value"] == 1 and ranks["difference"]["value"] == round(1 / 12, 6)
    few = "simulate evaluate --recorded-runs few --simulated-runs few"
    refused = here(few, folder)
    assert refused.returncode == 2 and "of 3 policies says next to nothing" in refused.stderr
    forced = here(f"{few} --force", folder)
    assert "intervals of the correlations are meaningless" in forced.stdout
    apart = here("simulate evaluate --recorded-runs recorded --simulated-runs few", folder)
    assert apart.returncode == 2 and "recorded runs alone: policy 3 with react" in apart.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "What is to be evaluated?"),
        ("real.snap", "Recordings and a simulator go together"),
        ("--recorded-runs recorded", "Runs in one environment alone"),
        (f"real.snap --simulator {HERE}:right --examples a,b", "are no numbers"),
        (f"real.snap --simulator {HERE}:right --real live,dead", "Unknown origin"),
        (f"real.snap --simulator {HERE}:right --real simulated", "80 of origin live"),
        (f"nothing.snap --simulator {HERE}:right", "There is no such file"),
        ("real.snap --simulator llm:m?examples=real.snap", "examples of its own"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(
    here: Here, folder: Path, options: str, said: str
) -> None:
    done = here(f"simulate evaluate {options}", folder)
    assert done.returncode == 2
    assert said in done.stderr and len(done.stderr.splitlines()) == 1


def test_published_trees_bring_their_documents(here: Here, data: Path, tmp_path: Path) -> None:
    done = here(
        f"simulate evaluate {data}/toolbench/answer {data}/stabletoolbench/answers --json "
        "--simulator 'neighbour:{examples}?max_distance=1&failures=1' --examples 1 --samples 100",
        tmp_path,
    )
    report = json.loads(done.stdout)["fidelity"]
    assert report["held_out"]["distance"]["calls"] > 0 and report["example_responses"] > 50
