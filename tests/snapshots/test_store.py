from __future__ import annotations

import asyncio
import os
import pickle  # noqa: TID251  # planted, to prove that it is not read
import random
import resource
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import diskcache
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.snapshots import recordings_by_hand
from tests.snapshots.recordings_by_hand import SEARCH, key, numbered, record, texts
from toolenv import bridge
from toolenv.apis import Identity
from toolenv.episodes import Status
from toolenv.errors import StoreError
from toolenv.jsontext import parse, render
from toolenv.snapshots import Recorded, Store, freeze
from toolenv.snapshots.leases import Leases
from toolenv.snapshots.plain_cache import PlainCache
from toolenv.snapshots.records import decode, encode

RECORDER = recordings_by_hand.__name__
ROOT = Path(__file__).resolve().parents[2]


def start_recorder(place: Path, worker: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", RECORDER, str(place), str(worker), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


# --- look-up ------------------------------------------------------------------------------------


def test_what_is_added_is_found_with_all_it_knows(tmp_path: Path) -> None:
    added = record(
        text='{"error":"","response":"Zürich \\u0000 …"}',
        status=Status.RATE_LIMITED,
        origin="simulated",
        completeness="truncated",
        ordinal=3,
        at="2026-01-01T00:00:00.000+00:00",
    )
    with Store(tmp_path) as store:
        assert store.add(added)
    with Store(tmp_path) as store:
        (found,) = store.lookup(SEARCH, added.key)
        assert found == added.response._replace(source="store")
        assert list(store.records()) == [added._replace(response=found)]


def test_a_call_that_was_never_made_is_not_found(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add(record())
        assert list(store.lookup(SEARCH, key('{"city":"Rome"}'))) == []


def test_several_answers_to_one_call_are_all_kept_earliest_first(tmp_path: Path) -> None:
    answers = [
        record(text="third", at="2026-03"),
        record(text="first", at="2026-01"),
        record(text="ordinal 1", at="2026-02", recording="b", ordinal=1),
        record(text="ordinal 0", at="2026-02", recording="b", ordinal=0),
        record(text="before b", at="2026-02", recording="a", ordinal=7),
        record(text="of unknown time"),
    ]
    with Store(tmp_path) as store:
        for answer in answers:
            assert store.add(answer)
        assert texts(store.lookup(SEARCH, answers[0].key)) == [
            "of unknown time",
            "first",
            "before b",
            "ordinal 0",
            "ordinal 1",
            "third",
        ]


def test_the_same_answer_of_the_same_recording_is_kept_once(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert store.add(record(at="2026-01"))
        assert not store.add(record(at="2026-02"))
        assert not store.add(record(source="live"))
        assert store.add(record(recording="2"))
        assert store.add(record(ordinal=1))
        assert store.add(record(text="other"))
        assert store.add(record('{ "city": "Paris" }')), "the call as written is kept as well"
        assert len(store) == 5
    with Store(tmp_path) as store:
        assert not store.add(record(at="2026-03"))
        assert len(store) == 5


def test_namespaces_are_apart(tmp_path: Path) -> None:
    with Store(tmp_path) as responses, Store(tmp_path, namespace="verdicts") as verdicts:
        responses.add(record(text="a response"))
        verdicts.add(record(text="a verdict"))
        assert texts(responses.lookup(SEARCH, record().key)) == ["a response"]
        assert texts(verdicts.lookup(SEARCH, record().key)) == ["a verdict"]
        assert (len(responses), len(verdicts)) == (1, 1)
        assert responses.fingerprint != verdicts.fingerprint


def test_records_join_by_what_is_known_of_the_api(tmp_path: Path) -> None:
    function_alone = Identity("search_for_weather")
    elsewhere = SEARCH._replace(category="Travel")
    with Store(tmp_path) as store:
        store.add(record(text="known"))
        store.add(record(text="function alone", identity=function_alone))
        store.add(record(text="elsewhere", identity=elsewhere))
        asked = record().key
        assert set(texts(store.lookup(SEARCH, asked))) == {"known", "function alone"}
        assert set(texts(store.lookup(elsewhere, asked))) == {"elsewhere", "function alone"}
        assert len(store.lookup(function_alone, asked)) == 3


def test_a_power_loss_safe_store_reads_and_writes_alike(tmp_path: Path) -> None:
    with Store(tmp_path, power_loss_safe=True) as store:
        assert store.add(record())
        assert len(store.lookup(SEARCH, record().key)) == 1


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    store.close()


# --- what arguments and texts may hold ----------------------------------------------------------

any_text = st.text(st.characters(codec=None), max_size=20)


@given(any_text, any_text, any_text, st.integers(-(2**200), 2**200))
@settings(max_examples=200)
def test_a_record_is_read_back_as_written(
    arguments: str, text: str, recording: str, number: int
) -> None:
    for written in (arguments, render({"text": arguments, "number": number})):
        added = record(written, text, recording=recording, source="store")
        assert decode(encode(added)) == added or has_pair(written + "\n" + text + "\n" + recording)


def has_pair(text: str) -> bool:
    """Whether two surrogates stand together: in JSON they are the character that they encode."""
    return any(
        "\ud800" <= one <= "\udbff" and "\udc00" <= other <= "\udfff"
        for one, other in pairwise(text)
    )


@pytest.mark.parametrize(
    "arguments",
    [
        '{"s":"\ud800"}',
        '{"s":"\\ud800"}',
        f'{{"n":{"9" * 4000}}}',
        f'{{"n":{"9" * 5000}}}',
        "\udfff",
    ],
)
def test_lone_surrogates_and_huge_integers_are_recorded_and_found(
    tmp_path: Path, arguments: str
) -> None:
    with Store(tmp_path) as store:
        store.add(record(arguments, "an answer \ud800"))
        assert texts(store.lookup(SEARCH, key(arguments))) == ["an answer \ud800"]
        freeze(store.records(), tmp_path / "made.snap")


# --- many writers -------------------------------------------------------------------------------


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:

        def work(worker: int) -> None:
            for number in range(40):
                assert store.add(numbered(number, worker))
                store.add(record(text="asked by all"))
                store.add(record("{}", text=f"{worker}:{number}", recording=str(worker)))

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for worker in range(8):
            for number in range(40):
                assert len(store.lookup(SEARCH, numbered(number, worker).key)) == 1
        assert len(store.lookup(SEARCH, record().key)) == 1
        assert len(store.lookup(SEARCH, key("{}"))) == 8 * 40
        assert len(store) == 8 * 40 + 1 + 8 * 40


def test_eight_processes_that_record_one_api_lose_nothing(tmp_path: Path) -> None:
    recorders = [start_recorder(tmp_path / "store", worker, 100) for worker in range(8)]
    recorders.append(start_recorder(tmp_path / "store", 7, 100))
    for recorder in recorders:
        said, _ = recorder.communicate()
        assert recorder.returncode == 0
        assert [int(line.split()[1]) for line in said.splitlines()] == list(range(100))
    with Store(tmp_path / "store") as store:
        kept = {
            record._replace(response=record.response._replace(source="local"))
            for record in store.records()
        }
        assert kept == {numbered(number, worker) for number in range(100) for worker in range(8)}
        assert len(store) == 8 * 100, "what two recorded alike is kept once"


def test_a_hundred_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    """Four at a time write the same API, one of them waiting for the disk, until each is killed."""
    draw = random.Random(2026)
    command = [sys.executable, "-m", RECORDER, str(tmp_path / "store")]
    recorders = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert recorders.stdin is not None and recorders.stdout is not None
    acknowledged: set[Recorded] = set()
    killed = 0
    for first in range(0, 100, 4):
        wanted = {worker: draw.randrange(1, 40) for worker in range(first, first + 4)}
        processes: dict[int, int] = {}
        recorders.stdin.write(" ".join(map(str, wanted)) + "\n")
        recorders.stdin.flush()
        while (line := recorders.stdout.readline()) != "all ended\n":
            worker, *said = line.split()
            if said[0] == "is":
                processes[int(worker)] = int(said[1])
                continue
            acknowledged.add(numbered(int(said[0]), int(worker)))
            if int(said[0]) == wanted[int(worker)]:
                os.kill(processes[int(worker)], signal.SIGKILL)
                killed += 1
        with Store(tmp_path / "store") as store:
            assert store.add(record(text=f"after {killed} kills", ordinal=killed))
    recorders.communicate()
    assert killed == 100
    with Store(tmp_path / "store") as store:
        kept = {
            one._replace(response=one.response._replace(source="local")) for one in store.records()
        }
        assert acknowledged <= kept
        for one in acknowledged:
            assert len(store.lookup(SEARCH, one.key)) == 1


# --- waiting for the disk -----------------------------------------------------------------------


def test_tasks_that_record_at_once_are_each_answered(tmp_path: Path) -> None:
    records = [numbered(number) for number in range(200)]

    async def together(store: Store) -> list[bool]:
        return list(await asyncio.gather(*(store.aadd(one) for one in [*records, *records])))

    for safe in (True, False):
        with Store(tmp_path / str(safe), power_loss_safe=safe) as store:
            new = asyncio.run(together(store))
            assert new == [True] * 200 + [False] * 200
            assert all(len(store.lookup(SEARCH, one.key)) == 1 for one in records)
            assert bridge.run(store.aadd(record())), "driven without an event loop"


def test_one_record_that_is_refused_does_not_take_the_others_along(tmp_path: Path) -> None:
    plant(tmp_path, OURS, 1, 4, b"a pickle", None)

    async def together(store: Store) -> list[bool | BaseException]:
        adding = [store.aadd(one) for one in (numbered(1), record(), numbered(2))]
        return await asyncio.gather(*adding, return_exceptions=True)

    with Store(tmp_path, power_loss_safe=True) as store:
        first, refused, last = asyncio.run(together(store))
        assert first is True and last is True
        assert isinstance(refused, StoreError)
        assert len(store.lookup(SEARCH, numbered(2).key)) == 1


def test_another_handle_does_not_weaken_one_that_waits_for_the_disk(tmp_path: Path) -> None:
    def level(store: Store) -> int:
        with store._cache.writing(power_loss_safe=store.power_loss_safe):
            ((found,),) = store._cache._cache._sql("PRAGMA synchronous").fetchall()
        return int(found)

    levels: list[int] = []
    with Store(tmp_path, power_loss_safe=True) as safe, Store(tmp_path) as other:
        thread = threading.Thread(target=lambda: levels.append(level(safe)))  # a new connection
        thread.start()
        thread.join()
        assert levels == [2]
        assert level(other) == 1


def test_a_fork_of_the_process_records_as_well(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add(numbered(1))
        child = os.fork()
        if not child:
            signal.alarm(30)
            os._exit(0 if store.add(numbered(2)) and not store.add(numbered(1)) else 1)
        _, status = os.waitpid(child, 0)
        assert status == 0
        assert store.add(numbered(3))
        assert len(store) == 3


# --- what toolenv did not write -----------------------------------------------------------------


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


def plant(folder: Path, key: object, raw: int, mode: int, value: object, file: str | None) -> None:
    """Write a row past the store, as whoever hands out a folder could."""
    with Store(folder) as store:
        store.add(record())
    with sqlite3.connect(folder / "cache.db") as connection:
        connection.execute("DELETE FROM Cache")
        connection.execute(
            "INSERT INTO Cache (key, raw, store_time, access_time, mode, value, filename) "
            "VALUES (?, ?, 0, 0, ?, ?, ?)",
            (key, raw, mode, value, file),
        )
    connection.close()


def refused_by_name(folder: Path) -> None:
    with Store(folder) as store:
        with pytest.raises(StoreError, match="Nothing was executed") as refused:
            list(store.records())
        assert str(folder) in str(refused.value)


OURS = f"responses:{record().key.hex()}:0"


def test_a_planted_pickle_as_value_is_not_executed(tmp_path: Path) -> None:
    mark, folder = tmp_path / "executed", tmp_path / "store"
    plant(folder, OURS, 1, 4, pickle.dumps(Trap(mark)), None)
    refused_by_name(folder)
    with Store(folder) as store:
        with pytest.raises(StoreError, match="Nothing was executed") as refused:
            store.lookup(SEARCH, record().key)
        assert str(folder) in str(refused.value)
        with pytest.raises(StoreError, match="Nothing was executed"):
            store.add(record())
    assert not mark.exists()


def test_a_planted_pickle_as_key_is_not_executed(tmp_path: Path) -> None:
    mark, folder = tmp_path / "executed", tmp_path / "store"
    plant(folder, sqlite3.Binary(pickle.dumps(Trap(mark))), 0, 1, b"{}", None)
    refused_by_name(folder)
    assert not mark.exists()


@pytest.mark.parametrize("mode", [2, 3, 4])
def test_a_planted_file_is_not_read(tmp_path: Path, mode: int) -> None:
    mark, folder = tmp_path / "executed", tmp_path / "store"
    (tmp_path / "elsewhere").write_bytes(pickle.dumps(Trap(mark)))
    plant(folder, OURS, 1, mode, None, "../elsewhere")
    refused_by_name(folder)
    assert not mark.exists()
    assert (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("value", [b"\xff", b"{}", b"[]", b'{"version":1}', b'{"version":[]}'])
def test_a_planted_value_that_is_no_record_is_refused(tmp_path: Path, value: bytes) -> None:
    plant(tmp_path / "store", OURS, 1, 1, value, None)
    with Store(tmp_path / "store") as store:
        with pytest.raises(StoreError) as refused:
            store.lookup(SEARCH, record().key)
        assert str(tmp_path / "store") in str(refused.value)


def test_a_record_of_a_newer_version_says_so(tmp_path: Path) -> None:
    newer = encode(record()).replace(b'"version":1', b'"version":2')
    plant(tmp_path / "store", OURS, 1, 1, newer, None)
    with Store(tmp_path / "store") as store, pytest.raises(StoreError, match="Upgrade toolenv"):
        store.lookup(SEARCH, record().key)


@pytest.mark.parametrize("key", ["plain", 7, 1.5, b"bytes", ("a", "tuple")])
def test_a_stock_cache_folder_is_refused_and_executes_nothing(tmp_path: Path, key: object) -> None:
    mark, folder = tmp_path / "executed", tmp_path / "cache"
    with diskcache.Cache(str(folder)) as cache:
        cache[key] = Trap(mark)
    refused_by_name(folder)
    assert not mark.exists()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be opened") as refused:
        Store(tmp_path / "file")
    assert str(tmp_path / "file") in str(refused.value)


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path)


LEASE = '{"version":1,"host":"h","process":1,"started":"","token":"t","expires":1.5}'


@pytest.mark.parametrize(
    "mode, value",
    [
        (4, pickle.dumps(0)),
        (1, b"\xff"),
        (1, b"{}"),
        (1, b"[]"),
        (1, LEASE.replace(":1,", ":2,", 1).encode()),
        (1, LEASE.replace('"h"', "7").encode()),
    ],
)
def test_a_planted_lease_is_refused_and_executes_nothing(
    tmp_path: Path, mode: int, value: bytes
) -> None:
    mark = tmp_path / "executed"
    if mode == 4:
        value = pickle.dumps(Trap(mark))
    with Leases(tmp_path / "leases") as leases:
        lease = leases.take("a call")
        assert lease is not None
        lease.release()
    with sqlite3.connect(tmp_path / "leases" / "cache.db") as connection:
        connection.execute(
            "INSERT INTO Cache (key, raw, store_time, access_time, mode, value) "
            "VALUES ('a call', 1, 0, 0, ?, ?)",
            (mode, value),
        )
    connection.close()
    with Leases(tmp_path / "leases") as leases:
        with pytest.raises(StoreError, match="Nothing was executed") as refused:
            leases.take("a call")
        assert str(tmp_path / "leases") in str(refused.value)
        assert leases.take("another call") is not None, "the others are not concerned"
    assert not mark.exists()


# --- leases -------------------------------------------------------------------------------------


def test_a_lease_is_held_by_one_until_it_is_released(tmp_path: Path) -> None:
    with Leases(tmp_path) as one, Leases(tmp_path) as other:
        lease = one.take("a call")
        assert lease is not None
        assert other.take("a call") is None
        assert one.take("a call") is None
        assert other.take("another call") is not None
        lease.release()
        lease.release()
        taken = other.take("a call")
        assert taken is not None
        lease.release()
        assert one.take("a call") is None, "who has lost a lease releases nobody else's"


def test_closing_gives_leases_back(tmp_path: Path) -> None:
    one = Leases(tmp_path)
    assert one.take("a call") is not None
    one.close()
    one.close()
    with Leases(tmp_path) as other:
        assert other.take("a call") is not None


def test_a_lease_that_is_not_renewed_expires_and_one_that_is_does_not(tmp_path: Path) -> None:
    with Leases(tmp_path, seconds=0.6) as renewing, Leases(tmp_path) as other:
        assert renewing.take("a call") is not None
        began = time.monotonic()
        while time.monotonic() - began < 1.5:  # several lives of a lease
            assert other.take("a call") is None
        renewing._closed.set()  # as if the whole process were stopped
        while other.take("a call") is None:
            assert time.monotonic() - began < 30


@pytest.mark.parametrize("expires", [0.0, -1.0, 1e300])
def test_a_lease_from_elsewhere_with_a_time_that_cannot_be_is_lost(
    tmp_path: Path, expires: float
) -> None:
    with Leases(tmp_path) as leases, PlainCache(tmp_path) as cache:
        with cache.writing():
            cache.set("a call", LEASE.replace("1.5", repr(expires)).encode())
        assert leases.take("a call") is not None


def test_a_living_lease_from_another_machine_is_kept(tmp_path: Path) -> None:
    with Leases(tmp_path) as leases, PlainCache(tmp_path) as cache:
        with cache.writing():
            cache.set("a call", LEASE.replace("1.5", repr(time.time() + 20)).encode())
        assert leases.take("a call") is None


HOLDER = """
import os, sys
from pathlib import Path
from toolenv.snapshots.leases import Leases

assert Leases(Path(sys.argv[1])).take("a call") is not None
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("waited_for", [True, False])
def test_a_killed_holder_loses_its_lease(tmp_path: Path, waited_for: bool) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with Leases(tmp_path) as leases:
        assert leases.take("a call") is None
        holder.kill()
        if waited_for:
            holder.wait()
        else:  # it has ended, and its parent does not know
            os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert leases.take("a call") is not None
    holder.communicate()


def test_a_process_that_got_a_dead_holders_id_does_not_hold_its_lease(tmp_path: Path) -> None:
    with Leases(tmp_path) as leases, PlainCache(tmp_path) as cache:
        lease = leases.take("a call")
        assert lease is not None
        row = cache.get("a call")
        assert row is not None
        started = str(parse(row)["started"])  # type: ignore[call-overload, index]
        if not started:
            pytest.skip("this system does not say when a process started")
        with cache.writing():
            cache.set("a call", row.replace(f'"{started}"'.encode(), b'"1"'))
        assert leases.take("a call") is not None


# --- a full disk --------------------------------------------------------------------------------

FULL = """
import resource, sys
from tests.snapshots.recordings_by_hand import SEARCH, numbered
from toolenv.errors import StoreError
from toolenv.snapshots import Store

store = Store(sys.argv[1])
written, refused = [], []
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
for number in range(1500):
    try:
        store.add(numbered(number))
        written.append(number)
    except StoreError as error:
        refused.append(str(error))
assert refused and len(refused) < 1500, len(refused)
assert all("could not be recorded" in text and sys.argv[1] in text for text in refused), refused[0]
for number in written:
    assert len(store.lookup(SEARCH, numbered(number).key)) == 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert store.add(numbered(2000)), "with room again, it records again"
print(len(written))
"""


def test_a_full_disk_is_a_store_error_and_what_is_written_stays_readable(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", FULL, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    with Store(tmp_path / "store") as store:
        assert len(store) == int(done.stdout) + 1


FULL_FOR_GOOD = """
import os, sys
from pathlib import Path
from tests.snapshots.recordings_by_hand import SEARCH, numbered
from toolenv.errors import StoreError
from toolenv.snapshots import Store

store = Store(Path(sys.argv[1], "store"), power_loss_safe=sys.argv[2] == "True")
filler = Path(sys.argv[1], "filler")
filler.write_bytes(bytes(200_000))
written, refused = [], []
while len(refused) < 20:
    number = len(written) + len(refused)
    try:
        store.add(numbered(number))
        written.append(number)
    except StoreError as error:
        refused.append(str(error))
assert written
assert all("could not be recorded" in text and sys.argv[1] in text for text in refused), refused[0]
assert all(len(store.lookup(SEARCH, numbered(number).key)) == 1 for number in written)
filler.unlink()
assert store.add(numbered(10**6)), "with room again, it records again"
store.close()
with Store(Path(sys.argv[1], "store")) as store:
    assert len(store) == len(written) + 1
"""


@pytest.mark.parametrize("power_loss_safe", [True, False])
def test_a_file_system_without_room_is_a_store_error(tmp_path: Path, power_loss_safe: bool) -> None:
    mount = f"mount -t tmpfs -o size=1m none {shlex.quote(str(tmp_path))}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("this system does not let tests mount a file system")
    script = f'{mount} && exec "$@"'
    command = [sys.executable, "-c", FULL_FOR_GOOD, str(tmp_path), str(power_loss_safe)]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
