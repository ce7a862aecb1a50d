"""Commands one after the other: each until it is complete, none twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.campaign.commands import carry_out, seconds_of
from benchmarks.campaign.recipe import Command
from toolenv.jsontext import parse
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run
from toolenv.running.tally import Progress

EXERCISES = ["dataset", "copying", "--rows", "4"]


def test_what_is_done_is_not_done_again_and_is_known_with_its_time(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    asked = []

    def arguments(root: Path) -> list[str]:
        asked.append(root)
        return EXERCISES

    commands = [Command("data/copying", arguments)]
    carry_out(commands, tmp_path)
    table = tmp_path / "data" / "copying" / "sft.parquet"
    first = table.stat().st_mtime_ns
    carry_out(commands, tmp_path)
    assert (table.stat().st_mtime_ns, asked) == (first, [tmp_path])
    row = parse((tmp_path / "done" / "data-copying.json").read_bytes())
    assert isinstance(row, dict)
    assert (row["out"], row["command"]) == ("data/copying", EXERCISES)
    assert seconds_of(tmp_path) == {"data/copying": row["seconds"]}


def test_arguments_are_asked_for_when_what_came_before_is_there(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")

    def after(root: Path) -> list[str]:
        assert (root / "first" / "sft.parquet").exists()
        return EXERCISES

    carry_out([Command("first", lambda root: EXERCISES), Command("second", after)], tmp_path)
    assert (tmp_path / "second" / "sft.parquet").exists()


def test_data_that_were_cut_off_are_made_anew(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    cut_off = tmp_path / "data" / "sft.parquet"
    cut_off.parent.mkdir()
    cut_off.write_bytes(b"half")
    (cut_off.parent / "left behind").touch()
    carry_out([Command("data", lambda root: EXERCISES)], tmp_path)
    assert cut_off.read_bytes() != b"half"
    assert not (cut_off.parent / "left behind").exists()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests were started in a shell's background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    def cut(progress: Progress) -> None:
        if progress.tally.done == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(RunConfiguration(first=12, concurrency=1), tmp_path / "runs" / "mini", report=cut)
    finished = RunFolder.open(tmp_path / "runs" / "mini").finished()
    assert 0 < len(finished) < 12
    carry_out([Command("runs/mini", lambda root: ["run", "--first", "12"])], tmp_path)
    with RunFolder.open(tmp_path / "runs" / "mini") as folder:
        assert len(folder.results()) == 12
        first, second = folder.manifest.sessions
    assert (first.episodes, second.episodes) == (len(finished), 12 - len(finished))


def test_a_command_that_fails_ends_it_and_is_not_done(tmp_path: Path) -> None:
    fails = Command("data", lambda root: ["dataset", "sft", str(root / "absent")])
    never = Command("never", lambda root: EXERCISES)
    with pytest.raises(SystemExit) as ended:
        carry_out([fails, never], tmp_path)
    assert ended.value.code == 2
    assert seconds_of(tmp_path) == {}
    assert not (tmp_path / "never").exists()
