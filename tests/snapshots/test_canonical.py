from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.snapshots.test_key import arguments, in_form, shuffled, with_floats
from toolenv.actions import read_arguments
from toolenv.apis import API, Identity, Parameter
from toolenv.bridge import run
from toolenv.episodes import ROOT, Branch, Call, Response, Status
from toolenv.errors import ConfigurationError
from toolenv.formats.toolbench.functions import api_of_function, compatibility_function
from toolenv.jsontext import JsonValue
from toolenv.simulators import LocalTool, RecordedSimulator, open_simulator
from toolenv.snapshots import (
    Documentation,
    Recorded,
    Recordings,
    Snapshot,
    Store,
    canonical_key,
    documented,
    exact_key,
    freeze,
)
from toolenv.tasks import Task

VECTORS = json.loads(Path(__file__).with_name("key_vectors.json").read_text("utf-8"))["canonical"]
WEATHER = API.model_validate(
    {
        "category": "Weather",
        "tool": "Weather",
        "name": "search",
        "parameters": VECTORS["parameters"],
    }
)
names = st.sampled_from(["city_name", "City Name", "n", "all", "q", "page", "x"])
given_arguments = st.dictionaries(names, st.integers() | st.text(max_size=3) | st.none())


def of(text: str, api: API = WEATHER) -> bytes:
    return canonical_key(api, read_arguments(text)[0])


# --- the key ------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS["calls"], ids=lambda vector: str(vector["about"]))
def test_published_vectors(vector: dict[str, str]) -> None:
    read, _ = read_arguments(vector["arguments"])
    assert canonical_key(WEATHER, read, bytes.fromhex(vector["changes"])).hex() == vector["key"]


def one_parameter(kind: str, required: bool = False) -> API:
    return API(tool="t", name="f", parameters=(Parameter(name="p", type=kind, required=required),))


@given(st.from_regex(r"\A-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,2})?\Z"))
def test_a_number_and_its_text_are_one_call_where_a_number_is_documented(literal: str) -> None:
    api = one_parameter("NUMBER")
    assert of(f'{{"p": {literal}}}', api) == of(f'{{"p": "{literal}"}}', api)
    assert of(f'{{"p": {literal}}}', api)


@given(st.integers(), st.integers())
def test_different_integers_are_different_at_any_size(one: int, other: int) -> None:
    api = one_parameter("NUMBER")
    alike = canonical_key(api, {"p": one}) == canonical_key(api, {"p": str(other)})
    assert alike == (one == other)


@pytest.mark.parametrize("text", ["01", "+1", " 1", "1 ", "1_0", "0x1", "1.", ".5", "１", "NaN"])
def test_what_is_no_json_number_stays_text(text: str) -> None:
    api = one_parameter("NUMBER")
    keys = {canonical_key(api, {"p": value}) for value in (text, 1, 10, 0.5)}
    assert len(keys) == 4


@given(st.text(max_size=4), st.text(max_size=4))
def test_texts_stay_apart_where_text_is_documented(one: str, other: str) -> None:
    api = one_parameter("STRING", required=True)
    alike = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    assert (canonical_key(api, {"p": one}) == canonical_key(api, {"p": other})) == alike


@pytest.mark.parametrize("kind", ["STRING", "ENUM", "DATE (YYYY-MM-DD)", "ARRAY", "OBJECT"])
def test_text_and_number_stay_apart_elsewhere(kind: str) -> None:
    api = one_parameter(kind)
    assert canonical_key(api, {"p": "3"}) != canonical_key(api, {"p": 3})
    assert canonical_key(api, {"p": "true"}) != canonical_key(api, {"p": True})


@given(given_arguments, st.randoms(use_true_random=False))
def test_order_normal_form_and_floats_make_no_difference(
    asked: dict[str, JsonValue], order: random.Random
) -> None:
    key = canonical_key(WEATHER, asked)
    for other in (shuffled(asked, order), in_form(asked, "NFD"), with_floats(asked)):
        assert isinstance(other, dict)
        assert canonical_key(WEATHER, other) == key


@given(arguments, arguments)
def test_calls_of_one_exact_key_have_one_canonical_key(
    one: dict[str, JsonValue], other: dict[str, JsonValue]
) -> None:
    if exact_key("f", one) == exact_key("f", other):
        assert canonical_key(WEATHER, one) == canonical_key(WEATHER, other)


@given(given_arguments)
def test_both_documents_of_an_api_agree_on_what_they_both_know(asked: dict[str, JsonValue]) -> None:
    """A recorded tree knows the function that was shown, and an instruction file the API."""
    plain = WEATHER.model_copy(update={"parameters": WEATHER.parameters[:4]})
    shown = api_of_function(compatibility_function(plain))
    keys = [name for name in asked if name not in ("page", "City Name")]
    known = {name: asked[name] for name in keys}
    assert canonical_key(plain, known) == canonical_key(shown, known)


@pytest.mark.parametrize("value", [None, "", 1, "1"])
def test_an_example_is_never_taken_for_a_default(value: JsonValue) -> None:
    api = API(tool="t", name="f", parameters=(Parameter(name="p", type="NUMBER", default=1),))
    assert (canonical_key(api, {"p": value}) == canonical_key(api, {})) == (value in (None, ""))


def test_a_signatures_default_is_what_the_server_assumes() -> None:
    tool = LocalTool("Shop", "shop")

    @tool.api()
    def find(query: str, page: int = 1, sort: str = "", like: str | None = None) -> str:
        """Find."""
        return query

    (api,) = tool.apis
    asked: dict[str, JsonValue] = {"query": "x", "page": 1, "sort": "", "like": None}
    assert canonical_key(api, asked) == canonical_key(api, {"query": "x"})
    for name, value in (("page", 2), ("page", None), ("like", ""), ("sort", None)):
        assert canonical_key(api, {"query": "x", name: value}) != canonical_key(api, asked)


def test_names_that_standardise_alike_are_not_mixed_up() -> None:
    two = (Parameter(name="a b", type="NUMBER"), Parameter(name="A B", type="NUMBER"))
    api = API(tool="t", name="f", parameters=two)
    keys = {canonical_key(api, {name: 1}) for name in ("a b", "A B", "a_b")}
    assert len(keys) == 3


def test_without_documentation_there_is_no_key() -> None:
    bare = API(name="f", function={"name": "f"})
    assert canonical_key(bare, {"p": 1}) == b""
    assert Documentation([WEATHER]).canonical_key(Identity("another"), {}) == b""
    assert Documentation([]).digest == ""


def test_documents_that_disagree_give_no_key() -> None:
    elsewhere = one_parameter("STRING").model_copy(update={"category": "A"})
    here = one_parameter("NUMBER").model_copy(update={"category": "B"})
    both = Documentation([elsewhere, here])
    unclear = Identity(here.identity.function)
    assert both.canonical_key(unclear, {"p": "3"}) == b""
    assert both.canonical_key(unclear, {"p": "x"}) != b"", "they agree on this one"
    assert both.canonical_key(here.identity, {"p": "3"}) == canonical_key(here, {"p": 3})
    assert both.digest == Documentation([here, elsewhere]).digest != ""


# --- served -------------------------------------------------------------------------------------

TASK = Task(id="1", instruction="?", apis=(WEATHER,))
(FUNCTION,) = TASK.named_apis


def made(text: str, answer: str, at: str = "", **response: object) -> Recorded:
    fields: dict[str, object] = {"source": "store", "origin": "live", "recording": "1", **response}
    record = Recorded(WEATHER.identity, text, Response(answer, **fields), at)  # type: ignore[arg-type]
    return documented(record, Documentation([WEATHER]))


RECORDS = [
    made('{"city_name":"Paris","n":"3"}', "late", "2026-02"),
    made('{"City Name":"Paris","n":3.0,"q":""}', "early", "2026-01"),
    made('{"city_name":"Rome"}', "refused", status=Status.BAD_INPUT),
    *(made(f'{{"city_name":"c{number}","n":"{number}"}}', f"{number}") for number in range(1500)),
]


@pytest.fixture(params=["store", "snapshot"])
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Recordings]:
    with Store(tmp_path / "a.store") as store:
        for one in RECORDS:
            store.add(one)
        if request.param == "store":
            yield store
            return
        assert freeze(store.records(), tmp_path / "a.snap").canonical == len(RECORDS) - 1
    with Snapshot(tmp_path / "a.snap") as snapshot:
        snapshot.verify()
        yield snapshot


def asked(simulator: RecordedSimulator, text: str) -> Response | None:
    read, _ = read_arguments(text)
    call = Call(FUNCTION, read, WEATHER.identity, text)
    return run(simulator.open(TASK, 0).call(call, Branch(TASK, (), ROOT)))


def test_all_answers_of_a_canonical_key_are_found_earliest_first(held: Recordings) -> None:
    found = held.lookup_canonical(WEATHER.identity, of('{"city_name":"Paris","n":3}'))
    assert [one.text for one in found] == ["early", "late"]
    assert list(held.lookup_canonical(WEATHER.identity, bytes(16))) == []
    for number in range(0, 1500, 7):
        (one,) = held.lookup_canonical(
            WEATHER.identity, of(f'{{"city_name":"c{number}","n":{number}}}')
        )
        assert one.text == str(number)


def test_the_exact_key_is_asked_first_and_the_response_says_which_answered(
    held: Recordings,
) -> None:
    simulator = RecordedSimulator(held)
    exact = asked(simulator, '{"n":"3", "city_name":"Paris"}')
    canonical = asked(simulator, '{"city_name":"Paris","n":3}')
    assert exact is not None and (exact.text, exact.source) != ("early", "canonical")
    assert exact.text == "late"
    assert canonical is not None
    assert (canonical.text, canonical.source, canonical.origin) == ("early", "canonical", "live")
    assert asked(simulator, '{"city_name":"Paris","n":4}') is None


def test_rungs_are_chosen(held: Recordings) -> None:
    asking = '{"city_name":"Paris","n":3}'
    assert asked(RecordedSimulator(held, rungs=["exact"]), asking) is None
    only = asked(RecordedSimulator(held, rungs=["canonical"]), '{"city_name":"Paris","n":"3"}')
    assert only is not None and only.source == "canonical"
    one, other = (
        RecordedSimulator(held, rungs=["exact"]),
        RecordedSimulator(held, rungs=["canonical"]),
    )
    prints = {one.fingerprint, other.fingerprint}
    assert len({*prints, RecordedSimulator(held).fingerprint}) == 3
    for wrong in ([], ["nearest"]):
        with pytest.raises(ConfigurationError, match="exact, canonical"):
            RecordedSimulator(held, rungs=wrong)  # type: ignore[arg-type]


def test_rungs_are_configured(tmp_path: Path) -> None:
    freeze(RECORDS, tmp_path / "a.snap")
    with closing(open_simulator(f"snapshot:{tmp_path / 'a.snap'}?rungs=exact")) as exact:
        assert isinstance(exact, RecordedSimulator) and exact.rungs == {"exact"}
    with closing(open_simulator(f"snapshot:{tmp_path / 'a.snap'}?rungs=exact,canonical")) as both:
        assert isinstance(both, RecordedSimulator) and both.rungs == {"exact", "canonical"}


def test_a_refusal_of_how_arguments_were_written_answers_no_other_writing(
    held: Recordings,
) -> None:
    simulator = RecordedSimulator(held)
    assert asked(simulator, '{"city_name":"Rome"}') is not None
    assert asked(simulator, '{"City Name":"Rome"}') is None


def test_recordings_are_left_out_and_chosen_under_canonical_keys_too(held: Recordings) -> None:
    asking = '{"city_name":"Paris","n":3}'
    assert asked(RecordedSimulator(held, without=["1"]), asking) is None
    replay = asked(RecordedSimulator(held, order="recording", recording="1"), asking)
    assert replay is not None and replay.text == "early"


def test_a_record_with_and_without_its_key_is_kept_once(tmp_path: Path) -> None:
    bare = [one._replace(canonical="") for one in RECORDS[:2]]
    digests = {
        freeze(records, tmp_path / "a.snap").digest
        for records in (RECORDS[:2], [*bare, *RECORDS[:2]], [*RECORDS[1::-1], *bare])
    }
    assert len(digests) == 1
    assert freeze(bare, tmp_path / "b.snap").digest not in digests


def test_damage_is_neither_a_miss_nor_another_answer(tmp_path: Path) -> None:
    whole_file = tmp_path / "a.snap"
    freeze(RECORDS[:40], whole_file)
    whole = whole_file.read_bytes()
    asking = of('{"city_name":"Paris","n":3}')
    outcomes = set()
    damaged = tmp_path / "b.snap"
    for at in range(0, len(whole), 61):
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            with Snapshot(damaged) as snapshot:
                found = snapshot.lookup_canonical(WEATHER.identity, asking)
                outcomes.add(tuple(one.text for one in found))
        except Exception as error:
            outcomes.add((type(error).__name__,))
    assert outcomes == {("early", "late"), ("SnapshotError",)}
