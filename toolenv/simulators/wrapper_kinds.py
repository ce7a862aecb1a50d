"""The wrappers that a specification can name, and how their options are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from pydantic import ValidationError

from toolenv.errors import ConfigurationError
from toolenv.formats.files import read_json
from toolenv.simulators.base import Simulator
from toolenv.simulators.coalescing import coalesce
from toolenv.simulators.composition import record
from toolenv.simulators.fault_plan import FaultKind, FaultPlan
from toolenv.simulators.faults import inject_faults
from toolenv.simulators.limiting import limit
from toolenv.simulators.retrying import retry
from toolenv.simulators.truncating import truncate
from toolenv.snapshots.store import Store
from toolenv.specification_text import Part
from toolenv.suggestions import did_you_mean

__all__ = ["Wrap", "read_wrappers"]

Wrap: TypeAlias = Callable[[Simulator], Simulator]

Options: TypeAlias = dict[str, Any]


class _Reader(NamedTuple):
    """How the text of an option is read, and what it has to be."""

    what: str
    read: Callable[[str], object]


class _Kind(NamedTuple):
    """A wrapper: the place it takes, its options, and what makes it."""

    place: Literal["none", "may", "must"]
    options: Mapping[str, _Reader]
    make: Callable[[str | None, Options], Wrap]
    after_faults: bool = True


def read_wrappers(parts: Iterable[Part]) -> list[Wrap]:
    """What wraps a simulator as the parts of a specification say, innermost first.

    Raises:
        ConfigurationError: A part names something unknown, or the order makes no sense.
    """
    wraps: list[Wrap] = []
    faults = False
    for part in parts:
        kind = _KINDS.get(part.kind)
        if kind is None:
            raise ConfigurationError(
                f"Unknown wrapper: {part.head!r}.",
                fix=f"{did_you_mean(part.kind, _KINDS)} The wrappers are {', '.join(_KINDS)}. "
                "A pipe that belongs to a name is written %7C.".lstrip(),
            )
        if faults and not kind.after_faults:
            raise ConfigurationError(
                "Faults are made up, and are no answers for others.",
                where=part.head,
                fix=f"Write it before them: …|{part.kind}…|faults….",
            )
        wraps.append(_wrap(part, kind))
        faults = faults or part.kind == "faults"
    return wraps


def _wrap(part: Part, kind: _Kind) -> Wrap:
    if kind.place == "none" and part.place is not None:
        raise ConfigurationError(
            f"{part.kind} takes no place.",
            where=part.head,
            fix=f"Write options after a question mark: {part.kind}?{next(iter(kind.options))}=….",
        )
    if kind.place == "must" and not part.place:
        raise ConfigurationError(
            f"{part.kind} says not where.", where=part.head, fix=f"Write {part.kind}:FOLDER."
        )
    options: Options = {}
    for name, text in part.options:
        reader = kind.options.get(name)
        if reader is None:
            raise ConfigurationError(
                f"{part.kind} has no option {name!r}.",
                where=part.head,
                fix=f"{did_you_mean(name, kind.options)} Its options are "
                f"{', '.join(kind.options)}.".lstrip()
                if kind.options
                else "It has none.",
            )
        try:
            options[name] = reader.read(text)
        except (KeyError, ValueError):
            raise ConfigurationError(
                f"{text!r} is not {reader.what}.", where=f"{part.head}?{name}"
            ) from None
    return kind.make(part.place or None, options)


# --- how options are read -----------------------------------------------------------------------

_FLAGS = {"1": True, "true": True, "yes": True, "": True, "0": False, "false": False, "no": False}

_INTEGER = _Reader("an integer", int)
_NUMBER = _Reader("a number", float)
_TEXT = _Reader("a text", str)
_NAMES = _Reader("a list of names", lambda text: [name for name in text.split(",") if name])
_FLAG = _Reader("1 or 0", lambda text: _FLAGS[text.lower()])


# --- what makes them ----------------------------------------------------------------------------


def _made_by(wrapper: Callable[..., Simulator]) -> Callable[[str | None, Options], Wrap]:
    return lambda place, options: lambda simulator: wrapper(simulator, **options)


def _make_record(place: str | None, options: Options) -> Wrap:
    return lambda simulator: record(simulator, Store(str(place)), **options)


def _make_coalesce(place: str | None, options: Options) -> Wrap:
    return lambda simulator: coalesce(simulator, Store(place) if place else None)


def _make_faults(place: str | None, options: Options) -> Wrap:
    where = f"faults:{place}" if place else "faults"
    written = read_json(Path(place)) if place else {}
    if not isinstance(written, dict):
        raise ConfigurationError("A plan is a JSON object.", where=where)
    plan: dict[str, Any] = {**written}
    groups = {"rates": get_args(FaultKind), "latency": _LATENCY}
    for name, value in options.items():
        group, _, rest = name.rpartition(".")
        if group != "lasts":
            group = next((one for one, names in groups.items() if name in names), "")
            rest = _LATENCY.get(name, name)
        if not group:
            plan[name] = value
        elif isinstance(before := plan.get(group) or {}, dict):
            plan[group] = {**before, rest: value}
    try:
        read = FaultPlan.model_validate(plan)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}".lstrip(": ")
            for problem in error.errors(include_url=False)
        )
        raise ConfigurationError(
            f"The plan cannot be used: {problems}.", where=where, fix="See docs/simulators.md."
        ) from None
    return lambda simulator: inject_faults(simulator, read)


_LATENCY = {
    "latency": "median",
    "latency_spread": "spread",
    "latency_longest": "longest",
    "latency_share": "share",
}

_KINDS: dict[str, _Kind] = {
    "retry": _Kind(
        "none",
        {"attempts": _INTEGER, "first": _NUMBER, "longest": _NUMBER, "safe_to_repeat": _NAMES},
        _made_by(retry),
    ),
    "limit": _Kind(
        "none",
        {
            "per_second": _NUMBER,
            "burst": _INTEGER,
            "in_flight": _INTEGER,
            "adaptive": _FLAG,
            "calls": _INTEGER,
            "spent": _TEXT,
        },
        _made_by(limit),
    ),
    "truncate": _Kind("none", {"characters": _INTEGER}, _made_by(truncate)),
    "faults": _Kind(
        "may",
        {
            **dict.fromkeys(get_args(FaultKind), _NUMBER),
            "seed": _INTEGER,
            **{f"lasts.{kind}": _TEXT for kind in get_args(FaultKind)},
            **dict.fromkeys(_LATENCY, _NUMBER),
            "timeout_after": _NUMBER,
        },
        _make_faults,
    ),
    "record": _Kind(
        "must",
        {"recording": _TEXT, "failures": _FLAG, "clock": _FLAG},
        _make_record,
        after_faults=False,
    ),
    "coalesce": _Kind("may", {}, _make_coalesce, after_faults=False),
}
