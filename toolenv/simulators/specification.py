"""Simulators from text: what configuration files, ``gymnasium.make`` and the command line say.

``kind:place`` and options after a question mark, as in ``snapshot:stb.snap?order=first``. Several
of them form a ladder. Kinds: ``snapshot`` and ``store`` serve recordings, ``local`` names a
function or object, ``module:name``, that is or makes a simulator; ``neighbour`` guesses from a
snapshot or a store. Recordings take ``mask=SHARE`` and ``mask_seed=NUMBER``, which hide a share of
their calls. ``rapidapi``, ``toolbench``, ``openapi`` and ``mcp`` ask real servers, ``llm`` a model
that plays them.

Wrappers follow after pipes, each around all before it:
``rapidapi:tools|limit?per_second=5|retry?attempts=4|record:answers.store``. In a list, an entry
that begins with a pipe wraps the ladder of those before it. The grammar is in
``toolenv.specification_text``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from toolenv.errors import ConfigurationError
from toolenv.simulators.base import Simulator
from toolenv.simulators.call_meaning import distances_by
from toolenv.simulators.composition import first_of
from toolenv.simulators.masking import Masked
from toolenv.simulators.neighbour import NeighbourSimulator
from toolenv.simulators.recorded import RecordedSimulator
from toolenv.specification_text import Specification, parse_specification
from toolenv.simulators.wrapper_kinds import Wrap, read_wrappers
from toolenv.suggestions import did_you_mean, misfit
from toolenv.snapshots.records import Recordings
from toolenv.snapshots.snapshot import Snapshot
from toolenv.snapshots.store import Store

__all__ = ["RECORDED", "import_object", "needs_no_network", "open_local", "open_simulator"]

T = TypeVar("T")

RECORDED = frozenset({"snapshot", "store", "neighbour"})
"""The kinds that serve what is recorded, and need no network for it."""


def open_simulator(specification: str | Simulator | Sequence[str | Simulator]) -> Simulator:
    """Make the simulator that a specification describes.

    Args:
        specification: One specification, a simulator, or several of either, asked in turn.

    Raises:
        ConfigurationError: A specification cannot be read, or names something unknown.

    Example:
        >>> open_simulator("local:toolenv.mini:mini_simulator").fingerprint[:10]
        'simulator-'
    """
    if not isinstance(specification, Sequence):
        return specification
    several = [specification] if isinstance(specification, str) else specification
    read = [parse_specification(one) if isinstance(one, str) else one for one in several]
    if not read:
        raise ConfigurationError(
            "No simulator is given.", fix="Name at least one, such as snapshot:FILE."
        )
    rungs: list[Simulator] = []
    opened: list[Simulator] = []
    try:
        for one in read:
            if not isinstance(one, Specification):
                rungs.append(one)
            elif one.simulator is None:
                opened.append(_wrap_all(rungs, one))
                rungs = opened[-1:]
            else:
                opened.append(_open_one(one))
                rungs.append(opened[-1])
    except BaseException:
        for simulator in opened:
            simulator.close()
        raise
    return first_of(*rungs)


def needs_no_network(specification: str) -> bool:
    """Whether a specification serves recordings alone, whatever is wrapped around them.

    Raises:
        ConfigurationError: The specification cannot be read.

    Example:
        >>> needs_no_network("snapshot:stb.snap|faults?429=0.1"), needs_no_network("llm:model")
        (True, False)
    """
    simulator = parse_specification(specification).simulator
    return simulator is None or simulator.kind in RECORDED


def import_object(path: str, *, where: str = "") -> Any:
    """The object that ``module:name`` names.

    Raises:
        ConfigurationError: There is no such module or name.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"{path!r} cannot be imported: {error}.",
            where=where,
            fix="Write it as module:name, of something that can be imported.",
        ) from error


def open_local(place: str, options: dict[str, Any], kind: type[T], needs: str) -> T:
    """What ``module:name`` is, or makes when it is called with options.

    Args:
        place: The name.
        options: What it is called with, unless it is of the kind already.
        kind: The protocol that it must fulfil.
        needs: What that takes, for whoever reads the error.

    Raises:
        ConfigurationError: It cannot be imported, or gives something else.
    """
    made = import_object(place, where=f"local:{place}")
    ready = isinstance(made, kind) and not isinstance(made, type)
    opened = made if ready or not callable(made) else made(**options)
    if not isinstance(opened, kind):
        raise ConfigurationError(
            f"{place!r} gives a {type(opened).__name__}, which is no {kind.__name__.lower()}.",
            fix=needs,
        )
    return opened


def _open_one(specification: Specification) -> Simulator:
    part = specification.simulator
    assert part is not None  # whoever calls has looked
    if part.kind not in _KINDS or part.place is None:
        raise ConfigurationError(
            f"Unknown simulator: {part.head!r}.",
            fix=f"{did_you_mean(part.kind, _KINDS - {part.kind})} Write kind:place; the kinds are "
            f"{', '.join(sorted(_KINDS))}.".lstrip(),
        )
    wraps = read_wrappers(specification.wrappers)
    opener = _OPENERS.get(part.kind) or import_object(_LOADED[part.kind])
    try:
        simulator = opener(part.place, dict(part.options))
    except TypeError as error:
        raise ConfigurationError(
            f"The options of {part.head!r} do not fit: {misfit(error)}",
            fix=f"See {part.kind} in the docs.",
        ) from error
    try:
        return _wrapped(simulator, wraps)
    except BaseException:
        simulator.close()
        raise


def _wrap_all(rungs: Sequence[Simulator], specification: Specification) -> Simulator:
    """Wrap the ladder so far."""
    if not rungs:
        raise ConfigurationError(
            f"Nothing is before the pipe of {specification.wrappers[0].head!r}.",
            fix="Write the simulator first, as in snapshot:FILE|retry.",
        )
    return _wrapped(first_of(*rungs), read_wrappers(specification.wrappers))


def _wrapped(simulator: Simulator, wraps: Sequence[Wrap]) -> Simulator:
    for wrap in wraps:
        simulator = wrap(simulator)
    return simulator


def _serve(opened: Snapshot | Store, options: dict[str, Any]) -> Simulator:
    recordings = _masked(opened, options)
    if "without" in options:
        options["without"] = options["without"].split(",")
    if "rungs" in options:
        options["rungs"] = options["rungs"].split(",")
    if "recording" in options:
        options.setdefault("order", "recording")
    return RecordedSimulator(recordings, **options)


def _masked(recordings: Recordings, options: dict[str, Any]) -> Recordings:
    """The recordings, without what the options hide."""
    share, seed = options.pop("mask", None), options.pop("mask_seed", "0")
    if share is None:
        return recordings
    return Masked(recordings, _number("mask", share), int(_number("mask_seed", seed)))


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no number.", where=name) from None


def _open_neighbour(place: str, options: dict[str, Any]) -> Simulator:
    opened = Store(place) if Path(place).is_dir() else Snapshot(place)
    recordings = _masked(opened, options)
    if "without" in options:
        options["without"] = options["without"].split(",")
    if "max_distance" in options:
        options["max_distance"] = _number("max_distance", options["max_distance"])
    if "failures" in options:
        options["failures"] = options["failures"].lower() in ("1", "true", "yes", "")
    if "by" in options:
        options["distances"] = distances_by(options.pop("by"))
    return NeighbourSimulator(recordings, **options)


def _open_snapshot(place: str, options: dict[str, Any]) -> Simulator:
    return _serve(Snapshot(place), options)


def _open_store(place: str, options: dict[str, Any]) -> Simulator:
    return _serve(Store(place), options)


def _open_local(place: str, options: dict[str, Any]) -> Simulator:
    return open_local(
        place,
        options,
        Simulator,  # type: ignore[type-abstract]
        "It needs fingerprint, open and close; see toolenv.simulators.Simulator.",
    )


_OPENERS: dict[str, Callable[[str, dict[str, Any]], Simulator]] = {
    "snapshot": _open_snapshot,
    "store": _open_store,
    "neighbour": _open_neighbour,
    "local": _open_local,
}

_LOADED = {
    "rapidapi": "toolenv.simulators.rapidapi:open_rapidapi",
    "toolbench": "toolenv.simulators.toolbench_service:open_toolbench_service",
    "openapi": "toolenv.simulators.openapi:open_openapi",
    "mcp": "toolenv.simulators.mcp:open_mcp",
    "llm": "toolenv.simulators.llm:open_llm",
}
"""Openers that are imported when they are used."""

_KINDS = frozenset({*_OPENERS, *_LOADED})
