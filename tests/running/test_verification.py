"""A run is verified: its files, what it depends on, and what happens when it is run again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.chat.scripted_server import chat_server, completion, tool_call
from tests.running import policies_by_hand
from toolenv.apis import FINISH
from toolenv.errors import JournalError, ToolenvError
from toolenv.fingerprint import fingerprint
from toolenv.formats import write_tasks
from toolenv.jsontext import JsonValue
from toolenv.mini import mini_tasks
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run
from toolenv.running.verification import Examination, Verification, verify_run
from toolenv.snapshots import Store, freeze

MOODY = f"local:{policies_by_hand.__name__}:Moody"
FAILING = f"local:{policies_by_hand.__name__}:Failing"
ANSWER = tool_call(FINISH, '{"return_type":"give_answer","final_answer":"42"}', "c1")


def answered(_: dict[str, Any]) -> dict[str, Any]:
    return completion(None, tool_calls=[ANSWER])


def make(path: Path, **settings: Any) -> Path:
    given = {"policies": ("random",), "agents": ("react", "dfsdt"), "first": 4, "policy_calls": 8}
    return run(RunConfiguration(**{**given, **settings}), path).path


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run from a snapshot, and the snapshot."""
    place = tmp_path_factory.mktemp("frozen")
    make(place / "live", record=str(place / "store"), record_failures=True, record_time=False)
    with Store(place / "store") as store:
        freeze(store.records(), place / "made.snap")
    make(place / "run", simulator=(f"snapshot:{place / 'made.snap'}",))
    return place


def files_of(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}


@pytest.fixture
def copy(frozen: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(frozen / "run", tmp_path / "run"))


def test_a_frozen_run_happens_again_to_the_byte(frozen: Path) -> None:
    before = files_of(frozen / "run")
    seen: list[Examination] = []
    told: list[tuple[int, int]] = []
    found = verify_run(
        frozen / "run", examined=seen.append, report=lambda done, total: told.append((done, total))
    )
    assert found.matches and (found.replayed, found.different) == (8, 0)
    assert seen == [found.examination]
    assert told == [(done, 8) for done in range(9)]
    assert files_of(frozen / "run") == before, "nothing is written"


def test_a_sample_is_drawn_by_its_seed(frozen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolenv.agents.base import Agent

    asked: list[tuple[str, str]] = []
    arun = Agent.arun

    async def noted(self: Agent, env: Any, task: Any, **options: Any) -> Any:
        asked.append((task.id, self.name))
        return await arun(self, env, task, **options)

    monkeypatch.setattr(Agent, "arun", noted)

    def drawn(seed: int) -> list[tuple[str, str]]:
        asked.clear()
        found = verify_run(frozen / "run", sample=3, seed=seed, concurrency=1)
        assert found.matches and found.replayed == 3 == len(asked)
        return list(asked)

    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(6)}) > 1
    assert verify_run(frozen / "run", sample=99).replayed == 8
    nothing = verify_run(frozen / "run", sample=0)
    assert nothing.matches and nothing.replayed == 0


def test_a_policy_that_changed_is_named_by_episode_step_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "run", policies=(MOODY, "random"), agents=("react",))
    monkeypatch.setattr(policies_by_hand.Moody, "mood", "aha")
    found = verify_run(path)
    assert not found.matches and (found.replayed, found.different) == (8, 4)
    assert {one.episode.policy for one in found.differences} == {"moody"}
    first = found.differences[0]
    assert (first.step, first.field, first.recorded, first.again) == (
        0,
        "message.content",
        '"hm"',
        '"aha"',
    )


def test_another_snapshot_is_named_and_nothing_runs_unless_forced(
    frozen: Path, tmp_path: Path
) -> None:
    with Store(frozen / "store") as store:
        freeze(list(store.records())[:3], tmp_path / "other.snap")
    changes: dict[str, JsonValue] = {"simulator": [f"snapshot:{tmp_path / 'other.snap'}"]}
    found = verify_run(frozen / "run", changes=changes)
    assert not found.matches and found.replayed == 0
    assert any(one.startswith("environment.simulator (") for one in found.examination.changed)
    assert not any("configuration" in one for one in found.examination.changed)
    forced = verify_run(frozen / "run", changes=changes, force=True)
    assert forced.replayed == 8 and forced.different > 0
    assert {"observation", "responses[0].text"} & {one.field for one in forced.differences}


def test_a_snapshot_that_was_moved_is_the_same(frozen: Path, copy: Path, tmp_path: Path) -> None:
    moved = shutil.copy(frozen / "made.snap", tmp_path / "moved.snap")
    assert verify_run(copy, changes={"simulator": [f"snapshot:{moved}"]}).matches


def test_other_tasks_are_named(copy: Path, tmp_path: Path) -> None:
    tasks = mini_tasks()
    write_tasks(tasks, tmp_path / "same.json")
    assert verify_run(copy, changes={"tasks": str(tmp_path / "same.json")}).matches
    tasks[1] = tasks[1].model_copy(update={"instruction": "Something else."})
    write_tasks(tasks, tmp_path / "other.json")
    found = verify_run(copy, changes={"tasks": str(tmp_path / "other.json")})
    assert not found.matches and found.replayed == 0
    assert f'tasks (1 changed, such as "{tasks[1].id}")' in found.examination.changed


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_other_versions_are_named_and_prove_nothing(copy: Path) -> None:
    edit(copy / "manifest.json", versions={"toolenv": "0.0.1", "python": "2.7"})
    found = verify_run(copy)
    assert found.matches and found.replayed == 8
    assert [one.partition(" then")[0] for one in found.examination.versions] == [
        "toolenv: 0.0.1",
        "python: 2.7",
    ]


def test_what_the_manifest_does_not_say_is_an_error(copy: Path) -> None:
    edit(copy / "manifest.json", configuration={"policiez": ["random"]})
    with pytest.raises(JournalError, match="policiez"):
        verify_run(copy)


@pytest.mark.parametrize("at", [0.3, 0.6])
def test_a_damaged_journal_is_named_and_the_rest_verified(copy: Path, at: float) -> None:
    (journal,) = copy.glob("journal.jsonl*")
    content = bytearray(journal.read_bytes())
    content[int(at * len(content))] ^= 0x55
    journal.write_bytes(content)
    found = verify_run(copy)
    assert not found.matches
    assert any(one.startswith("journal: 1 damaged ") for one in found.examination.files)
    assert 0 < found.replayed < 8 and found.different == 0


def test_results_and_tasks_that_were_changed_are_named(copy: Path) -> None:
    rows = (copy / "results.jsonl").read_text().splitlines()
    other = json.loads(rows[0])
    other["steps"] += 1
    (copy / "results.jsonl").write_text("\n".join([json.dumps(other), *rows[2:]]) + "\n")
    tasks = copy / "tasks.jsonl"
    tasks.write_bytes(tasks.read_bytes().replace(b"?", b"!", 1))
    edit(copy / "manifest.json", counts={"tasks": 4, "episodes": 9})
    files = verify_run(copy, sample=0).examination.files
    assert len(files) == 4
    for named in ("tasks.jsonl", "1 rows are not", "1 finished episodes have no row", "counts 9"):
        assert any(named in one for one in files), named


def test_results_that_cannot_be_read_are_named(copy: Path) -> None:
    (copy / "results.jsonl").write_text("nonsense\n")
    found = verify_run(copy)
    assert [one for one in found.examination.files if "results.jsonl:1" in one]
    assert found.replayed == 8 and found.different == 0


def test_what_asks_a_server_is_said_before_and_replays_from_its_completions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with chat_server(answered) as server:
        policy = f"openai:m?base_url={server.url}"
        path = make(
            tmp_path / "run",
            policies=(policy, "random"),
            agents=("react",),
            completions=str(tmp_path / "completions"),
        )
        asked = len(server.requests)
        again = verify_run(path)
        assert again.matches and again.replayed == 8, "from where they were recorded"
        moved = (tmp_path / "completions").rename(tmp_path / "moved")
        found = verify_run(path)
        assert found.matches and found.replayed == 4, "the random policy runs again"
        ((reason, count),) = found.examination.not_replayable.items()
        assert count == 4 and "no completions are given" in reason and "127.0.0.1" in reason
        named = verify_run(path, changes={"completions": str(moved)})
        assert named.matches and named.replayed == 8
        assert len(server.requests) == asked
        live = verify_run(path, live=True)
        assert live.replayed == 8 and len(server.requests) > asked


def test_a_run_that_was_extended_with_tasks_is_verified_whole(tmp_path: Path) -> None:
    tasks, file = mini_tasks(), tmp_path / "tasks.json"
    for number in (2, 4, 6):
        write_tasks(tasks[:number], file)
        settings = RunConfiguration(tasks=str(file), agents=("react", "dfsdt"), policy_calls=8)
        run(settings, tmp_path / "run", extend=True)
    found = verify_run(tmp_path / "run")
    assert found.matches and (found.replayed, found.different) == (12, 0)
    assert [note for note in found.examination.notes if "extended with tasks" in note]
    environments = {
        episode.fingerprints["environment"]
        for episode in RunFolder.open(tmp_path / "run").episodes()
    }
    assert len(environments) == 3, "of two, four and six tasks"


@pytest.mark.parametrize("part", ["simulator", "prompt"])
def test_an_environment_that_was_another_in_more_than_its_tasks_is_no_smaller_one(
    tmp_path: Path, part: str
) -> None:
    path = make(tmp_path / "run", first=None, split="I1-tool")
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["sessions"][0]["environment"] == manifest["environment"]
    other = {**manifest["environment"], "tasks": "tasks-0"}
    manifest["sessions"] = [
        {**manifest["sessions"][0], "environment": one} for one in (other, {**other, part: "x-0"})
    ]
    (path / "manifest.json").write_text(json.dumps(manifest))
    smaller = RunFolder.open(path).manifest.smaller_environments()
    assert smaller == {fingerprint("environment", other)}


def test_completions_are_not_added_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with chat_server(answered) as server:
        path = make(
            tmp_path / "run", policies=(f"openai:m?base_url={server.url}",), agents=("react",)
        )
        asked = len(server.requests)
        with Store(tmp_path / "empty"):
            pass
        found = verify_run(path, changes={"completions": str(tmp_path / "empty")})
        assert len(server.requests) == asked
    assert (found.replayed, found.different) == (4, 4)
    assert "No completion is recorded" in "".join(one.again for one in found.differences)
    with Store(tmp_path / "empty") as store:
        assert list(store.records()) == []


def test_a_simulator_that_asks_a_server_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with chat_server(answered) as server:
        simulator = f"llm:m?base_url={server.url}"
        path = make(tmp_path / "run", policies=(MOODY,), agents=("react",), simulator=(simulator,))
        found = verify_run(path)
    assert found.replayed == 0 and found.matches
    assert list(found.examination.not_replayable.values()) == [4]
    assert "the simulator llm:m" in next(iter(found.examination.not_replayable))


def test_what_infrastructure_broke_is_not_run_again(tmp_path: Path) -> None:
    path = make(tmp_path / "run", policies=(FAILING,), agents=("react",), seeds=(0, 1))
    found = verify_run(path)
    assert found.matches
    assert found.examination.not_replayable == {"broken by infrastructure": 8 - found.replayed}
    assert 0 < found.replayed < 8


def test_money_is_compared_where_the_prices_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    completions = str(tmp_path / "completions")
    with chat_server(answered) as server:
        model = f"openai:m?base_url={server.url}"
        for name, price in (("then", 1), ("now", 2)):
            table = f"[models.m]\ninput = {price}\noutput = {price}\n"
            (tmp_path / f"{name}.toml").write_text(table)
        prices = {name: str(tmp_path / f"{name}.toml") for name in ("then", "now")}
        path = make(
            tmp_path / "run", policies=(model,), completions=completions, prices=prices["then"]
        )
    given = verify_run(path)
    assert given.matches and given.unpriced == 0
    other = verify_run(path, changes={"prices": prices["now"]})
    Path(prices["then"]).unlink()
    without = verify_run(path)
    assert without.matches and (without.replayed, without.unpriced) == (8, 8)
    assert other.different == 8 and {one.field for one in other.differences} == {"cost.money"}


def test_a_run_under_way_is_verified_as_far_as_it_is(tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    with RunFolder.open(path) as read:
        tasks, manifest = list(read.tasks.values()), read.manifest
        done = list(read.episodes())
    with RunFolder.create(
        tmp_path / "part",
        tasks,
        configuration=manifest.configuration,
        fingerprints=manifest.fingerprints,
        environment=manifest.environment,
    ) as part:
        for episode in done[:5]:
            part.journal.write(episode)
        found = verify_run(tmp_path / "part")
    assert found.matches and found.replayed == 5


def test_a_missing_snapshot_is_one_error(copy: Path) -> None:
    changes: dict[str, JsonValue] = {"simulator": ["snapshot:nowhere.snap"]}
    with pytest.raises(ToolenvError, match=r"nowhere\.snap"):
        verify_run(copy, changes=changes)


def test_a_verification_is_data(frozen: Path) -> None:
    found = verify_run(frozen / "run", sample=2)
    assert Verification.model_validate_json(found.model_dump_json()) == found
