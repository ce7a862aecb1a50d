from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.worlds import ADD, READ, SHOW, ask, body, opened, recorded, text
from tests.simulators.worlds import world as make_world
from tests.simulators.wrapped import ANSWER, Scripted
from toolenv.errors import (
    ConfigurationError,
    FormatError,
    SnapshotError,
    StoreError,
    ToolenvError,
)
from toolenv.jsontext import render
from toolenv.simulators import (
    BudgetSpentError,
    FaultPlan,
    Latency,
    RecordedSimulator,
    Simulator,
    coalesce,
    first_of,
    inject_faults,
    limit,
    open_simulator,
    retry,
    truncate,
)
from toolenv.simulators.specification import needs_no_network
from toolenv.specification_text import Part, Specification, parse_specification
from toolenv.snapshots import Store, freeze

WORLD = f"local:{make_world.__module__}:world"
KINDS = "local, neighbour, snapshot, store"
world_itself = make_world()


def strange(**options: str) -> object:
    return options


def particular(*, hour: str) -> object:
    return make_world()


@pytest.fixture
def snap(tmp_path: Path) -> Path:
    path = tmp_path / "hours.snap"
    freeze(
        [
            *recorded(READ, ["a 1", "a 2"], "a", at="1"),
            *recorded(READ, ["b 1"], "b", at="2"),
            *recorded(READ, ["c 1"], "with, comma & more", at="3"),
        ],
        path,
    )
    return path


def test_a_snapshot_is_served_in_the_order_asked_for(snap: Path) -> None:
    def hours(specification: str) -> list[str]:
        with closing(open_simulator(specification)) as simulator:
            session = opened(simulator)
            return [text(ask(session, READ)) for _ in range(2)]

    assert hours(f"snapshot:{snap}") == ["a 1", "a 2"]
    assert hours(f"snapshot:{snap}?order=first") == ["a 1", "a 1"]
    assert hours(f"snapshot:{snap}?recording=b") == ["b 1", "b 1"]
    assert hours(f"snapshot:{snap}?order=recording&recording=b") == ["b 1", "b 1"]
    assert hours(f"snapshot:{snap}?without=a") == ["b 1", "b 1"]
    assert hours(f"snapshot:{snap}?recording=with,%20comma%20%26%20more") == ["c 1", "c 1"]


def test_a_store_is_served_and_made_where_absent(tmp_path: Path) -> None:
    with closing(open_simulator(f"store:{tmp_path / 'new.store'}")) as simulator:
        assert isinstance(simulator, RecordedSimulator)
        assert ask(opened(simulator), READ) is None
        with Store(tmp_path / "new.store") as store:
            for one in recorded(READ, ["while it is open"]):
                store.add(one)
        assert text(ask(opened(simulator), READ)) == "while it is open"


@pytest.mark.parametrize("specification", [WORLD, f"local:{__name__}:world_itself"])
def test_local_names_what_is_or_makes_a_simulator(specification: str) -> None:
    assert body(ask(opened(open_simulator(specification)), ADD, {"item": "tea"})) == 1


def test_several_form_a_ladder(snap: Path) -> None:
    with closing(open_simulator([f"snapshot:{snap}", WORLD])) as ladder:
        session = opened(ladder)
        assert text(ask(session, READ)) == "a 1"
        assert body(ask(session, SHOW)) == {}
    with closing(open_simulator([make_world(), f"snapshot:{snap}"])) as ladder:
        assert body(ask(opened(ladder), READ)) == "noon"


def test_a_simulator_is_taken_as_it_is() -> None:
    made = make_world()
    assert open_simulator(made) is made
    assert open_simulator([made]) is made


def test_equal_specifications_have_equal_fingerprints(snap: Path) -> None:
    specification = [f"snapshot:{snap}?order=first", WORLD]
    assert open_simulator(specification).fingerprint == open_simulator(specification).fingerprint


@pytest.mark.parametrize(
    ("specification", "kind", "problem", "fix"),
    [
        ("", ConfigurationError, "Unknown simulator: ''", "the kinds are "),
        ("snapshot", ConfigurationError, "Unknown simulator: 'snapshot'", "Write kind:place"),
        ("snapsot:a", ConfigurationError, "Unknown simulator: 'snapsot:a'", "kinds are "),
        ("snapshot:missing", SnapshotError, "no such file", "toolenv snapshot freeze"),
        ("snapshot:.", SnapshotError, "no such file", ""),
        ("store:/dev/null/x", StoreError, "cannot be opened", "Name a folder"),
        ([], ConfigurationError, "No simulator is given", "Name at least one"),
        ("local:nowhere:x", ConfigurationError, "No module named 'nowhere'", "module:name"),
        ("local:json:nothing", ConfigurationError, "no attribute 'nothing'", "module:name"),
        ("local:json", ConfigurationError, "cannot be imported", "module:name"),
        ("local::x", ConfigurationError, "cannot be imported", "module:name"),
        (f"local:{__name__}:strange", ConfigurationError, "a dict, which is no", "fingerprint"),
        ("local:json:codecs", ConfigurationError, "a module, which is no", "fingerprint"),
        (f"local:{__name__}:particular", ConfigurationError, "do not fit", "See local"),
        (f"{WORLD}?odd=1", ConfigurationError, "'odd'", "See local in the docs"),
        ("snapshot:{snap}?ordr=first", ConfigurationError, "'ordr'", "See snapshot in the docs"),
        ("snapshot:{snap}?order=best", ConfigurationError, "'best'", "path, first, recording"),
        ("snapshot:{snap}?order=recording", ConfigurationError, "go together", "both or neither"),
        ("snapshot:{snap}?order=first&recording=a", ConfigurationError, "go together", "neither"),
    ],
)
def test_what_cannot_be_opened_says_what_is_wrong_and_what_to_do(
    snap: Path,
    specification: str | list[str],
    kind: type[ToolenvError],
    problem: str,
    fix: str,
) -> None:
    if isinstance(specification, str):
        specification = specification.replace("{snap}", str(snap))
    with pytest.raises(kind, match=re.escape(problem)) as refused:
        open_simulator(specification)
    assert fix in refused.value.fix


# --- wrappers -----------------------------------------------------------------------------------

busy: Scripted
closed: Scripted


def make_busy() -> Simulator:
    return busy


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("", make_world()),
        ("|retry", retry(make_world())),
        ("|truncate", truncate(make_world())),
        ("|truncate?characters=9", truncate(make_world(), 9)),
        ("|limit?per_second=5&in_flight=2|retry?attempts=2", retry(limit(make_world()))),
        ("|coalesce", coalesce(make_world())),
        (" | retry | truncate", truncate(retry(make_world()))),
        ("|faults?429=0.1", inject_faults(make_world(), FaultPlan(rates={"429": 0.1}))),
        (
            "|faults?429=0.1&dead=0.05&lasts.dead=episode&seed=3|truncate?characters=9",
            truncate(
                inject_faults(
                    make_world(),
                    FaultPlan(rates={"429": 0.1, "dead": 0.05}, lasts={"dead": "episode"}, seed=3),
                ),
                9,
            ),
        ),
    ],
)
def test_wrappers_follow_after_pipes_innermost_first(written: str, made: Simulator) -> None:
    with closing(open_simulator(WORLD + written)) as simulator:
        assert simulator.fingerprint == made.fingerprint
        assert ask(opened(simulator), SHOW) == ask(opened(made), SHOW)


def test_options_reach_their_wrapper() -> None:
    global busy
    busy = Scripted(ANSWER._replace(status=9))  # type: ignore[arg-type]
    session = opened(open_simulator(f"local:{__name__}:make_busy|limit?calls=4|retry?first=0"))
    ask(session, READ)
    assert busy.asked == 3
    with pytest.raises(BudgetSpentError):
        ask(session, READ)
    assert busy.asked == 4
    safe = open_simulator(
        f"local:{__name__}:make_busy|retry?first=0&attempts=9&safe_to_repeat={ADD},x"
    )
    ask(opened(safe), ADD)
    assert busy.asked == 13
    assert ask(opened(open_simulator(f"{WORLD}|limit?calls=0&spent=pass")), READ) is None


def test_a_recorder_is_a_wrapper_and_goes_inside_faults(tmp_path: Path) -> None:
    store = str(tmp_path / "a|b?.store").replace("|", "%7C").replace("?", "%3F")
    specification = f"{WORLD}|record:{store}?recording=mine&clock=0|faults?malformed=1"
    with closing(open_simulator(specification)) as simulator:
        ask(opened(simulator), READ)
    with Store(tmp_path / "a|b?.store") as kept:
        (record,) = kept.records()
    assert (record.response.recording, record.recorded_at) == ("mine", "")
    assert record.response.body == "noon"


def test_a_plan_can_be_a_file_and_options_go_before_it(tmp_path: Path) -> None:
    plan = FaultPlan(rates={"429": 0.2}, apis={"a*": {"dead": 1}}, latency=Latency(median=2))
    file = tmp_path / "plan.json"
    file.write_text(plan.model_dump_json())
    made = open_simulator(f"{WORLD}|faults:{file}?5xx=0.1&latency_spread=1")
    more = plan.model_copy(
        update={"rates": {"429": 0.2, "5xx": 0.1}, "latency": Latency(median=2, spread=1)}
    )
    assert made.fingerprint == inject_faults(make_world(), more).fingerprint
    assert made.plan == more  # type: ignore[attr-defined]


def test_an_entry_that_begins_with_a_pipe_wraps_the_ladder_so_far(snap: Path) -> None:
    whole = open_simulator([f"snapshot:{snap}", WORLD, "|truncate?characters=3|retry", WORLD])
    ladder = first_of(
        truncate(first_of(open_simulator(f"snapshot:{snap}"), make_world()), 3), make_world()
    )
    assert whole.fingerprint == ladder.fingerprint
    session = opened(whole)
    assert text(ask(session, READ)) == "a 1"
    assert text(ask(session, SHOW)).startswith('{"e… [cut: 3 of ')


def test_wrappers_need_no_network_of_their_own() -> None:
    assert needs_no_network("snapshot:a|limit?calls=3|faults?dead=1")
    assert needs_no_network("|retry")
    assert not needs_no_network("local:a:b|retry")


def test_what_was_opened_is_closed_where_the_rest_cannot_be() -> None:
    global busy
    busy = Scripted()
    mine = Scripted()
    for wrong in ("|limit?calls=-1", "|limit?per_second=0"):
        with pytest.raises(ConfigurationError):
            open_simulator([mine, f"local:{__name__}:make_busy{wrong}"])
    with pytest.raises(ConfigurationError):
        open_simulator([mine, f"local:{__name__}:make_busy", "snapsot:x"])
    assert busy.closed == 3
    assert mine.closed == 0, "whoever made it closes it"
    with pytest.raises(ConfigurationError):
        open_simulator(f"local:{__name__}:make_busy|retri")
    assert busy.closed == 3, "typos are found before anything is opened"


@pytest.mark.parametrize(
    ("written", "problem", "fix"),
    [
        ("|retri", "Unknown wrapper: 'retri'", "Did you mean retry?"),
        ("|", "Unknown wrapper: ''", "retry, limit, truncate, faults, record, coalesce"),
        ("|a%7Cb", "Unknown wrapper: 'a%7Cb'", "%7C"),
        ("|limit?per_secnd=5", "limit has no option 'per_secnd'", "Did you mean per_second?"),
        ("|limit?x=5", "limit has no option 'x'", "in_flight, adaptive, calls, spent"),
        ("|coalesce?x=5", "coalesce has no option 'x'", "It has none"),
        ("|retry?attempts=many", "'many' is not an integer", ""),
        ("|retry?attempts=0", "attempts", ""),
        ("|retry?attempts=1&attempts=2", "'attempts' is given twice", ""),
        ("|retry:attempts=3", "retry takes no place", "retry?attempts="),
        ("|record", "record says not where", "record:FOLDER"),
        ("|record:x?failures=perhaps", "'perhaps' is not 1 or 0", ""),
        ("|faults?429=often", "'often' is not a number", ""),
        ("|faults?429=2", "rates.429", "docs/simulators.md"),
        ("|faults?429=0.6&5xx=0.6", "add up to 1.2", ""),
        ("|faults?lasts.429=forever", "lasts.429", ""),
        ("|faults?latency_share=0.5", "latency.median", ""),
        ("|faults?404=1", "faults has no option '404'", "dead, timeout, 429, 5xx"),
        ("|faults|record:x", "no answers for others", "before"),
        ("|faults|retry|coalesce", "no answers for others", "before"),
    ],
)
def test_what_cannot_be_wrapped_says_what_is_wrong_and_what_to_do(
    written: str, problem: str, fix: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as refused:
        open_simulator(WORLD + written)
    assert fix in refused.value.fix


def test_a_pipe_needs_something_before_it() -> None:
    for specification in ("|retry", ["|retry", WORLD]):
        with pytest.raises(ConfigurationError, match="Nothing is before the pipe of 'retry'"):
            open_simulator(specification)


def test_a_misspelt_kind_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_simulator("snapsot:a?token=secret")
    assert "Did you mean snapshot?" in refused.value.fix
    assert "secret" not in str(refused.value)


def test_a_plan_that_is_not_there_or_no_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        open_simulator(f"{WORLD}|faults:{tmp_path / 'none.json'}")
    for content in ("[]", render({"rates": 5}), render({"rats": {}})):
        (tmp_path / "plan.json").write_text(content)
        with pytest.raises(ConfigurationError):
            open_simulator(f"{WORLD}|faults:{tmp_path / 'plan.json'}?429=0.1")


# --- the text -----------------------------------------------------------------------------------

WRITABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
OPTIONS = st.dictionaries(WRITABLE, WRITABLE, max_size=3).map(lambda found: tuple(found.items()))
WRAPPERS = st.builds(Part, NAMES, st.none() | WRITABLE.map(str.strip), OPTIONS)


@given(
    st.builds(
        Specification,
        st.builds(Part, NAMES, WRITABLE.map(str.strip), OPTIONS),
        st.lists(WRAPPERS, max_size=3).map(tuple),
    )
)
def test_what_is_written_is_read_back(specification: Specification) -> None:
    assert parse_specification(str(specification)) == specification


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(written: str) -> None:
    try:
        read = parse_specification(written)
    except ConfigurationError:
        return
    assert parse_specification(str(read)) == read


@given(st.text(max_size=30))
def test_any_text_after_a_simulator_is_refused_by_name_or_opened(written: str) -> None:
    try:
        open_simulator(f"{WORLD}|truncate?{written}").close()
    except ToolenvError as refused:
        assert refused.what


def test_a_place_is_decoded_no_further_than_needed() -> None:
    read = parse_specification("store:a%20b%7cc%3Fd%2525.store?x=a%20b")
    assert read == Specification(Part("store", "a%20b|c?d%25.store", (("x", "a b"),)))
