"""Python functions as APIs: documents, answers, typed errors, state and forks."""

from __future__ import annotations

import copy
import datetime
import pickle  # noqa: TID251 -- what we pickled ourselves
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API, Identity
from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Response, Status
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.jsontext import JsonValue, render
from toolenv.simulators.base import Session, Simulator
from toolenv.simulators.local import ApiError, LocalSession, LocalSimulator, LocalTool
from toolenv.tasks import Task

ledger = LocalTool("Finance", "Ledger", "Keeps sums.")


@ledger.api(example={"account": "cash"})
def balance(
    state: dict[str, list[int]], account: str, unit: Literal["EUR", "cent"] = "EUR"
) -> dict[str, object]:
    """What an account holds.

    It is never negative.

    Args:
        state: The accounts.
        account: The account's
            name.
        unit: In what to count.

    Returns:
        The balance.
    """
    if account not in state:
        raise ApiError(Status.NOT_FOUND, f"No account {account!r}.", {"known": len(state)})
    return {"account": account, "balance": sum(state[account]), "unit": unit}


@ledger.api(changes_state=True, example={"account": "cash", "amount": 3})
def deposit(state: dict[str, list[int]], account: str, amount: int) -> int:
    """Put money into an account."""
    state.setdefault(account, []).append(amount)
    return sum(state[account])


@ledger.api()
async def slowly(text: str) -> str:
    """Give a text back."""
    return text[::-1]


@ledger.api(name="due date")
def due(day: datetime.date, id: str = "", days: Annotated[int, Field(ge=1)] = 1) -> str:
    """The day after some days."""
    return f"{day + datetime.timedelta(days=days)}{id}"


@ledger.api()
def troubled(kind: Literal["fault", "circle", "outage"]) -> object:
    """Fail."""
    if kind == "outage":
        raise SimulatorError("The disk is full.")
    if kind == "fault":
        raise KeyError("gone")
    return object()


def accounts(task: Task, seed: int) -> dict[str, list[int]]:
    return {"cash": [seed]}


def simulator() -> LocalSimulator:
    return LocalSimulator([ledger], make_state=accounts)


TASK = Task(id="1", instruction="Count.", apis=simulator().apis)
RESOLVER = Resolver(TASK.named_apis)
NOTHING = Branch(TASK, (), ROOT)


def ask(session: Session, function: str, **arguments: JsonValue) -> Response:
    call = RESOLVER.resolve(FunctionCall(f"{function}_for_ledger", render(arguments)))
    response = bridge.run(session.call(call, NOTHING))
    assert response is not None
    return response


def documents() -> Mapping[str, API]:
    return {api.name: api for api in simulator().apis}


def test_it_keeps_the_contract() -> None:
    made = simulator()
    assert isinstance(made, Simulator)
    assert isinstance(made.open(TASK, 0), Session)
    with made:
        made.close()


def test_a_signature_becomes_a_document() -> None:
    api = documents()["balance"]
    assert (api.category, api.tool, api.method, api.changes_state) == (
        "Finance", "Ledger", "GET", False,
    )  # fmt: skip
    assert (
        api.description == "What an account holds.\n\nIt is never negative. Returns: The balance."
    )
    account, unit = api.parameters
    assert (account.name, account.required, account.description, account.default) == (
        "account", True, "The account's name.", "cash",
    )  # fmt: skip
    assert (unit.required, unit.type) == (False, "ENUM")
    assert unit.shown_schema() == {
        "default": "EUR",
        "enum": ["EUR", "cent"],
        "type": "string",
        "description": "In what to count.",
    }
    assert documents()["deposit"].method == "POST"
    assert documents()["deposit"].mutates


def test_calls_are_answered_from_the_state() -> None:
    session = simulator().open(TASK, 5)
    assert ask(session, "balance", account="cash").body == {
        "account": "cash", "balance": 5, "unit": "EUR",
    }  # fmt: skip
    answered = ask(session, "deposit", account="cash", amount=2)
    assert answered == Response('{"error":"","response":7}', Status.OK, "local", "local")


def test_a_whole_number_written_as_a_fraction_is_a_whole_number() -> None:
    assert ask(simulator().open(TASK, 1), "deposit", account="cash", amount=2.0).body == 3


def test_keys_types_and_waiting_functions() -> None:
    session = simulator().open(TASK, 0)
    given = {"day": "2024-02-28", "is_id": "!", "days": 2}
    assert ask(session, "due_date", **given).body == "2024-03-01!"  # type: ignore[arg-type]
    assert ask(session, "slowly", text="abc").body == "cba"


@pytest.mark.parametrize(
    ("function", "arguments", "status", "says"),
    [
        ("balance", {"account": "gold"}, Status.NOT_FOUND, "No account 'gold'."),
        ("balance", {}, Status.BAD_INPUT, "required"),
        ("balance", {"account": "cash", "unit": "USD"}, Status.BAD_INPUT, "unit"),
        ("deposit", {"account": "cash", "amount": "3"}, Status.BAD_INPUT, "amount"),
        ("due_date", {"day": "someday"}, Status.BAD_INPUT, "day: "),
        ("troubled", {"kind": "fault"}, Status.API_ERROR, "KeyError: 'gone'"),
        ("troubled", {"kind": "circle"}, Status.API_ERROR, "TypeError"),
    ],
)
def test_errors_are_typed(
    function: str, arguments: dict[str, Any], status: Status, says: str
) -> None:
    response = ask(simulator().open(TASK, 0), function, **arguments)
    assert (response.status, response.source, response.origin) == (status, "local", "local")
    assert says in response.error
    assert "Traceback" not in response.text


def test_an_error_may_have_a_body() -> None:
    assert ask(simulator().open(TASK, 0), "balance", account="gold").body == {"known": 1}


def test_a_simulator_error_is_nobodys_answer() -> None:
    with pytest.raises(SimulatorError, match="disk"):
        ask(simulator().open(TASK, 0), "troubled", kind="outage")


def test_what_it_does_not_know_is_left_to_the_next() -> None:
    session = simulator().open(TASK, 0)
    for identity in (Identity("other_for_ledger"), Identity("balance_for_ledger", "Sports"), None):
        call = Call("other", {"account": "cash"}, identity, "{}")
        assert bridge.run(session.call(call, NOTHING)) is None


def test_a_recorded_name_alone_joins() -> None:
    call = Call("balance_for_ledger", {"account": "cash"}, Identity("balance_for_ledger"), "{}")
    response = bridge.run(simulator().open(TASK, 4).call(call, NOTHING))
    assert response is not None and response.status == Status.OK


def test_what_comes_before_is_served_instead() -> None:
    closed = Response.of(None, error="Closed.", status=Status.NOT_SUBSCRIBED)
    made = LocalSimulator(
        [ledger],
        make_state=accounts,
        before=lambda state, api: closed if api.name == "balance" else None,
    )
    session = made.open(TASK, 0)
    assert ask(session, "balance", account="cash") is closed
    assert ask(session, "deposit", account="cash", amount=1).body == 1


def state_of(session: LocalSession) -> object:
    return [ask(session, "balance", account=name).text for name in ("cash", "bank")]


Written = st.tuples(
    st.sampled_from(["balance", "deposit"]),
    st.sampled_from(["cash", "bank"]),
    st.integers(-9, 9),
)


def carry_out(session: Session, written: tuple[str, str, int]) -> str:
    function, account, amount = written
    more = {"amount": amount} if function == "deposit" else {}
    return ask(session, function, account=account, **more).text


@given(st.lists(Written, max_size=5), st.lists(st.tuples(st.booleans(), Written), max_size=12))
def test_forks_equal_sessions_replayed_apart(
    shared: list[tuple[str, str, int]], apart: list[tuple[bool, tuple[str, str, int]]]
) -> None:
    first = simulator().open(TASK, 2)
    for written in shared:
        carry_out(first, written)
    second = first.fork()
    forks = [carry_out(second if other else first, written) for other, written in apart]
    alone: dict[bool, Session] = {}
    for other in (False, True):
        alone[other] = simulator().open(TASK, 2)
        for written in shared:
            carry_out(alone[other], written)
    assert forks == [carry_out(alone[other], written) for other, written in apart]


def test_reading_never_copies_and_a_fork_copies_once() -> None:
    class Counted(dict[str, list[int]]):
        copies = 0

        def __deepcopy__(self, memo: dict[int, Any]) -> Counted:
            Counted.copies += 1
            return Counted({key: list(value) for key, value in self.items()})

    first = LocalSimulator([ledger], make_state=lambda task, seed: Counted(cash=[1])).open(TASK, 0)
    ask(first, "deposit", account="cash", amount=1)
    forks = [first.fork() for _ in range(10)]
    for fork in forks:
        ask(fork, "balance", account="cash")
    assert Counted.copies == 0
    for _ in range(3):
        ask(forks[0], "deposit", account="cash", amount=1)
    assert Counted.copies == 1
    assert state_of(forks[0]) != state_of(first)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])  # noqa: S301
def test_sessions_are_copied_and_pickled(again: Any) -> None:
    session = simulator().open(TASK, 3)
    ask(session, "deposit", account="bank", amount=8)
    twin = again(session)
    ask(twin, "deposit", account="bank", amount=1)
    assert ask(session, "balance", account="bank").body != ask(twin, "balance", account="bank").body


def test_the_fingerprint_depends_on_documents_and_text() -> None:
    made = simulator()
    assert made.fingerprint == simulator().fingerprint
    assert made.fingerprint.startswith("simulator-")
    assert (
        made.fingerprint != LocalSimulator([ledger], make_state=accounts, version="2").fingerprint
    )
    assert pickle.loads(pickle.dumps(made)).fingerprint == made.fingerprint  # noqa: S301


def test_text_that_cannot_be_read_asks_for_a_version() -> None:
    tool = LocalTool("A", "B")
    space: dict[str, Any] = {"__name__": "nowhere", "tool": tool}
    exec("@tool.api()\ndef f(a: int) -> int:\n    return a", space)  # noqa: S102
    with pytest.raises(ConfigurationError, match="version="):
        _ = LocalSimulator([tool]).fingerprint
    assert LocalSimulator([tool], version="1").fingerprint


class Tree(BaseModel):
    """Refers to itself."""

    below: list[Tree]


class Point(BaseModel):
    """A place."""

    x: int
    y: int = 0


def test_models_are_parameters() -> None:
    tool = LocalTool("A", "B")

    @tool.api()
    def norm(point: Point, more: list[Point]) -> int:
        """Sum."""
        return sum(p.x + p.y for p in (point, *more))

    made = LocalSimulator([tool])
    resolver = Resolver({"norm": made.apis[0]})
    written = FunctionCall("norm", '{"point": {"x": 1}, "more": [{"x": 2, "y": 3}]}')
    response = bridge.run(made.open(TASK, 0).call(resolver.resolve(written), NOTHING))
    assert response is not None and response.body == 6
    assert resolver.resolve(FunctionCall("norm", '{"point": {}, "more": []}')).invalid


def untyped(a) -> int:  # type: ignore[no-untyped-def]
    return 0


def starred(*a: int) -> int:
    return 0


def recursive(a: Tree) -> int:
    return 0


@pytest.mark.parametrize("function", [untyped, starred, recursive])
def test_functions_that_cannot_serve_are_refused(function: Any) -> None:
    tool = LocalTool("A", "B")
    tool.api()(function)
    with pytest.raises(ConfigurationError, match=f"{function.__name__}.*a"):
        LocalSimulator([tool])


def test_state_must_be_made_and_taken() -> None:
    with pytest.raises(ConfigurationError, match="make_state"):
        LocalSimulator([ledger])
    tool = LocalTool("A", "B")
    tool.api(changes_state=True)(lambda: None)
    with pytest.raises(ConfigurationError, match="take the session's state"):
        LocalSimulator([tool])


def test_one_identity_one_api() -> None:
    with pytest.raises(ConfigurationError, match="balance_for_ledger"):
        LocalSimulator([ledger, ledger], make_state=accounts)
