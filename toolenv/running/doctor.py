"""What is configured and reachable: findings, each within a time limit, none with a key."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from toolenv import bridge
from toolenv.errors import ConfigurationError, PolicyError, ToolenvError
from toolenv.jsontext import parse
from toolenv.simulators import RecordedSimulator, Simulator, open_simulator
from toolenv.snapshots import Snapshot, Store

__all__ = ["KEYS", "Asked", "Finding", "State", "examine"]

State: TypeAlias = Literal["ok", "absent", "failed"]
"""``absent``: not there, which matters only to who needs it."""

KEYS: Final = ("OPENAI_API_KEY", "RAPIDAPI_KEY", "TOOLBENCH_KEY")
"""The environment variables that hold keys by default."""

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SHOWN_MODELS: Final = 5
_NEEDS: Final = re.compile(r"([A-Za-z0-9._-]+).*extra\s*==\s*['\"]([A-Za-z0-9._-]+)['\"]")


class Finding(NamedTuple):
    """One thing that was looked for.

    Args:
        part: What kind of thing it is: ``extra``, ``key``, ``endpoint``, ``simulator``, …
        name: Which one.
        state: Whether it is there and works.
        detail: What was found, or what is wrong.
        asked: Whether it was asked for, so that its failure is one.
    """

    part: str
    name: str
    state: State
    detail: str = ""
    asked: bool = False

    @property
    def bad(self) -> bool:
        """Whether it was asked for and does not work."""
        return self.asked and self.state != "ok"


class Asked(NamedTuple):
    """What to look for beside what is always looked for.

    Args:
        endpoints: Addresses of OpenAI-compatible servers.
        models: Models that one of the endpoints must list.
        probes: Specifications of policies whose servers are asked what they can do.
        simulators: Specifications, as in ``snapshot:FILE``.
        keys: Environment variables that must be set.
        extras: Extras that must be installed.
        gpu: Whether there must be a GPU.
        browser: Whether there must be a Chromium.
        folder: Where runs are written.
        timeout: Seconds for each thing.
    """

    endpoints: Sequence[str] = ()
    models: Sequence[str] = ()
    probes: Sequence[str] = ()
    simulators: Sequence[str] = ()
    keys: Sequence[str] = ()
    extras: Sequence[str] = ()
    gpu: bool = False
    browser: bool = False
    folder: Path = Path("runs")
    timeout: float = 5.0


def examine(asked: Asked) -> Iterator[Finding]:
    """Look for everything, one thing after the other.

    Raises:
        ConfigurationError: Something that is asked for cannot be: an address without a host, a
            simulator without a kind, an extra that there is none of.
    """
    _refuse_nonsense(asked)
    yield Finding("toolenv", metadata.version("toolenv"), "ok", str(Path(__file__).parents[1]))
    yield Finding("python", platform.python_version(), "ok", sys.executable)
    yield from _extras(asked)
    for name in dict.fromkeys((*KEYS, *asked.keys)):
        there = bool(os.environ.get(name))
        told = "set" if there else "not set"
        yield Finding("key", name, "ok" if there else "absent", told, name in asked.keys)
    listed: set[str] = set()
    for url in asked.endpoints:
        yield _endpoint(url, asked.timeout, listed)
    for model in asked.models:
        found = model in listed
        told = "listed" if found else "no endpoint that was asked lists it"
        yield Finding("model", model, "ok" if found else "failed", told, True)
    for specification in asked.probes:
        yield _limits(specification)
    for specification in asked.simulators:
        yield _simulator(specification, asked.timeout)
    yield _gpu(asked)
    yield _disk(asked.folder)
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    state: State = "ok" if browser else "absent"
    told = browser or "needed by tests of reports alone"
    yield Finding("browser", "chromium", state, told, asked.browser)


def _refuse_nonsense(asked: Asked) -> None:
    for url in asked.endpoints:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                "The address of an endpoint is none.",
                where="--base-url",
                fix="Write it as http://HOST:PORT/v1.",
            )
        if parts.username is not None or parts.password is not None:
            raise ConfigurationError(
                "The address of an endpoint holds a name or a password.",
                where="--base-url",
                fix="Put the key into the environment variable OPENAI_API_KEY.",
            )
    for specification in asked.simulators:
        if ":" not in specification:
            raise ConfigurationError(
                f"{specification!r} names no simulator.",
                where="--simulator",
                fix="Write kind:place, as in snapshot:FILE.",
            )
    if asked.models and not asked.endpoints:
        raise ConfigurationError(
            "A model is asked for, but no endpoint.", where="--model", fix="Add --base-url."
        )
    unknown = sorted(set(asked.extras) - set(_needs()))
    if unknown:
        raise ConfigurationError(
            f"There is no extra {unknown[0]!r}.",
            where="--extra",
            fix=f"There are {', '.join(sorted(_needs()))}.",
        )


def _needs() -> dict[str, list[str]]:
    """What each extra needs, as this installation declares it."""
    needs: dict[str, list[str]] = {}
    for line in metadata.requires("toolenv") or ():
        found = _NEEDS.match(line)
        if found is None or found[2] == "dev":
            continue
        if "sys_platform" in line and sys.platform == "win32":
            continue
        needs.setdefault(found[2], []).append(found[1])
    return needs


def _extras(asked: Asked) -> Iterator[Finding]:
    """The extras, by what is installed; nothing is imported."""
    for extra, needed in sorted(_needs().items()):
        installed, missing = [], []
        for name in needed:
            try:
                installed.append(f"{name} {metadata.version(name)}")
            except metadata.PackageNotFoundError:
                missing.append(name)
        told = f"missing: {', '.join(missing)}" if missing else ", ".join(installed)
        if missing:
            told += f"; pip install 'toolenv[{extra}]'"
        yield Finding("extra", extra, "absent" if missing else "ok", told, extra in asked.extras)


def _endpoint(url: str, timeout: float, listed: set[str]) -> Finding:
    """Ask an OpenAI-compatible server for its models."""
    from toolenv.simulators.web import WebClient, WebError, WebLimits, WebRequest, response_of

    key = os.environ.get("OPENAI_API_KEY", "")
    parts = urlsplit(url)
    client = WebClient(
        [parts.netloc],
        allow_private=[parts.netloc],  # who asks for it means it
        limits=WebLimits(connect=timeout, total=timeout, attempts=1),
        secrets=[key] if key else [],
    )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
    try:
        with closing(client):
            request = WebRequest("GET", f"{shown.rstrip('/')}/models", headers)
            reply = bridge.run(client.send(request))
    except WebError as error:
        return Finding("endpoint", shown, "failed", client.hide(error.what), True)
    if reply.status != 200:
        told = response_of(reply).error or f"HTTP {reply.status}"
        return Finding("endpoint", shown, "failed", f"reachable, but {told} for /models", True)
    try:
        models = _models(reply.content)
    except ValueError as error:
        return Finding("endpoint", shown, "failed", f"reachable, but {error}", True)
    listed.update(models)
    named = client.hide(", ".join(models[:_SHOWN_MODELS])) or "none"
    more = f" and {len(models) - _SHOWN_MODELS} more" if len(models) > _SHOWN_MODELS else ""
    return Finding("endpoint", shown, "ok", f"models: {named}{more}", True)


def _models(content: bytes) -> list[str]:
    try:
        body = parse(content)
    except ValueError:
        raise ValueError("/models is not JSON") from None
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list):
        raise ValueError("/models lists none")
    return [str(one["id"])[:200] for one in data if isinstance(one, dict) and one.get("id")]


def _limits(specification: str) -> Finding:
    """Ask a policy's server what it can do; each request has the policy's own time-out."""
    from toolenv.agents import OpenAIPolicy
    from toolenv.agents.policies.server_limits import probe
    from toolenv.agents.specification import open_policy

    policy = open_policy(specification)
    name = specification.partition("?")[0]
    if not isinstance(policy, OpenAIPolicy):
        raise ConfigurationError(
            f"{name!r} asks no server.", where="--probe", fix="Write openai:MODEL?base_url=…"
        )
    try:
        return Finding("limits", name, "ok", probe(policy).describe(), True)
    except PolicyError as error:
        return Finding("limits", name, "failed", str(error), True)


def _simulator(specification: str, timeout: float) -> Finding:
    """Open a simulator, and say what is in it; options are not shown, they are not needed."""
    name = specification.partition("?")[0]
    kind, _, place = name.partition(":")
    if kind in ("snapshot", "store", "neighbour") and not Path(place).exists():
        return Finding("simulator", name, "failed", "There is nothing at this path.", True)

    def look() -> str:
        with closing(open_simulator(specification)) as simulator:
            return _contents(simulator)

    try:
        return Finding("simulator", name, "ok", _in_time(look, timeout), True)
    except TimeoutError:
        return Finding("simulator", name, "failed", f"not opened within {timeout:g} s", True)
    except ToolenvError as error:
        return Finding("simulator", name, "failed", str(error), True)
    except Exception as error:  # a simulator of the user's own may raise anything
        return Finding("simulator", name, "failed", f"{type(error).__name__}: {error}", True)


def _contents(simulator: Simulator) -> str:
    """What a simulator holds: counts and digest of recordings, APIs and fingerprint of others."""
    held = simulator.recordings if isinstance(simulator, RecordedSimulator) else None
    if isinstance(held, Snapshot):
        counted = held.manifest
        return (
            f"{counted.responses} responses to {counted.calls} calls of {counted.apis} APIs, "
            f"digest {counted.digest}"
        )
    if isinstance(held, Store):
        return f"{len(held)} responses, live"
    apis = getattr(simulator, "apis", None)
    counts = f"{len(apis)} APIs, " if apis is not None else ""
    return f"{counts}{simulator.fingerprint}"


def _in_time(work: Callable[[], str], timeout: float) -> str:
    """The result of work in a thread of its own, which is left behind where it takes too long."""
    results: list[str] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="toolenv-doctor", daemon=True)
    thread.start()
    thread.join(timeout)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]


def _gpu(asked: Asked) -> Finding:
    """GPUs by the driver's own tool, or by torch where that is imported already."""
    tool = shutil.which("nvidia-smi")
    if tool is not None:
        query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        try:
            done = subprocess.run(
                query, capture_output=True, text=True, timeout=asked.timeout, check=False
            )
        except (subprocess.TimeoutExpired, OSError, ValueError):
            return Finding("gpu", "nvidia-smi", "failed", "does not answer", asked.gpu)
        found = "; ".join(line.strip() for line in done.stdout.splitlines() if line.strip())
        if done.returncode == 0 and found:
            return Finding("gpu", "nvidia-smi", "ok", found, asked.gpu)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return Finding("gpu", "torch", "ok", torch.cuda.get_device_name(0), asked.gpu)
    return Finding("gpu", "none", "absent", "needed by local models alone", asked.gpu)


def _disk(folder: Path) -> Finding:
    """Free space where runs are written, or would be."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding("disk", str(folder), "failed", str(error.strerror), True)
    if not os.access(place, os.W_OK):
        return Finding("disk", str(folder), "failed", f"{place} cannot be written", True)
    return Finding("disk", str(folder), "ok", f"{free / 1e9:.1f} GB free", True)
