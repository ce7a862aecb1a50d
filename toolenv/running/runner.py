"""Running many episodes: concurrent, resumable, written down as they happen."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import get_args

from toolenv import bridge
from toolenv.env import ToolEnv
from toolenv.episodes import Outcome
from toolenv.errors import JournalError
from toolenv.running.appending import Sync
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.garbage_collection import collecting_less
from toolenv.running.in_process import run_in_process
from toolenv.running.journal import Durability
from toolenv.running.manifest import Session, begin_session, end_session
from toolenv.running.planning import (
    Plan,
    Planned,
    endpoints_of,
    fingerprints_of,
    occupancies,
    open_completions,
    plan,
)
from toolenv.running.results import Result
from toolenv.running.scheduling import Schedule
from toolenv.running.stopping import INTERRUPTED, Stopping, first_interrupt_stops
from toolenv.running.tally import Limits, Progress, Tally
from toolenv.running.worker_pool import WorkerPool
from toolenv.running.worker_processes import split_configuration

__all__ = ["run"]


def run(
    configuration: RunConfiguration,
    out: Path | str,
    *,
    resume: bool = False,
    retry: Collection[Outcome] = (),
    extend: bool = False,
    sync: Sync = "second",
    durability: Durability = "episode",
    report: Callable[[Progress], None] = lambda progress: None,
) -> RunFolder:
    """Run everything that a configuration describes and write it to a folder.

    The first Ctrl-C lets the episodes in flight finish, the second stops them.

    Args:
        configuration: What to run.
        out: The run folder.
        resume: Go on with the run that is there: finished episodes are not done again.
        retry: Do these again when resuming: ``infrastructure_error`` for what infrastructure broke.
        extend: Let the run that is there grow: the configuration describes all of it, with more
            tasks, seeds, agents or policies.
        sync: What survives a power loss; see ``toolenv.running.journal``.
        durability: What survives the death of the process; see there. ``step`` holds for one
            process.
        report: Told how far it is, after each episode.

    Returns:
        The run folder, open for reading. It is complete unless ``manifest.stopped`` says that its
        budget was spent.

    Raises:
        ToolenvError: Something cannot be opened, or the folder holds another run.
        KeyboardInterrupt: The run was interrupted; what had finished is kept.
    """
    split_configuration(configuration)  # refuses limits that cannot be shared
    env = configuration.open_environment()
    completions = open_completions(configuration.completions)
    try:
        planned = plan(configuration, env.tasks, completions, env.offered)
        opened = (
            partial(RunFolder.open_for_resume, extend=extend)
            if (resume or extend) and _has_run(out)
            else RunFolder.create
        )
        with opened(
            out,
            planned.tasks,
            configuration=configuration.identity(),
            fingerprints=fingerprints_of(env, planned.episodes),
            environment=env.fingerprint_parts,
            network=endpoints_of(planned.episodes) if configuration.is_offline else None,
            sync=sync,
            durability=durability,
        ) as folder:
            stopped = _Work(env, configuration, planned, folder, retry, report).run()
    finally:
        env.simulator.close()
        env.close()
        if completions is not None:
            completions.close()
    if stopped == INTERRUPTED:
        raise KeyboardInterrupt
    return RunFolder.open(out)


class _Work:
    """One time that a run is worked on."""

    def __init__(
        self,
        env: ToolEnv,
        configuration: RunConfiguration,
        planned: Plan,
        folder: RunFolder,
        retry: Collection[Outcome],
        report: Callable[[Progress], None],
    ) -> None:
        self._env = env
        self._configuration = configuration
        self._planned = planned
        self._folder = folder
        self._report = report
        limits = Limits(
            configuration.run_money, configuration.run_tokens, configuration.run_seconds
        )
        self._tally = tally = Tally(len(planned.episodes), limits)
        before = {result.key: result for result in folder.results()}
        self._todo: list[Planned] = []
        for item in planned.episodes:
            result = before.get(item.key)
            if result is None or result.outcome in retry:
                self._todo.append(item)
            else:
                tally.add_before(result)
        tally.servers = lambda: occupancies(env, planned.servers)
        self._stopping = Stopping(
            tally, configuration.run_overrun, lambda: report(tally.progress())
        )

    def run(self) -> str:
        """Run what is left, and say why it ended early; empty where it did not."""
        tally, folder = self._tally, self._folder
        session = begin_session(self._configuration.settings(), self._folder.manifest.environment)
        earlier = folder.manifest.sessions
        counts = {**folder.manifest.counts, "planned": tally.total}
        self._note(counts=counts, sessions=(*earlier, session))
        folder.write_manifest()
        self._report(tally.progress())
        try:
            with collecting_less():
                bridge.run_on_loop(lambda: self._run_all())
        except BaseException as error:
            why = INTERRUPTED if isinstance(error, KeyboardInterrupt) else "error"
            with suppress(JournalError):  # on a full disk, say: the error itself is what to tell
                self._note_end(earlier, session, why)
                folder.write_manifest()
            raise
        stopped = tally.stopping if tally.done < tally.total else ""
        self._note_end(earlier, session, stopped)
        if stopped:
            folder.write_manifest()
        else:
            folder.write_results()
        return stopped

    def _note_end(self, earlier: tuple[Session, ...], session: Session, stopped: str) -> None:
        tally = self._tally
        outcomes = dict.fromkeys(get_args(Outcome), 0) | tally.outcomes
        ended = end_session(session, tally.seconds, tally.done - tally.done_before, stopped)
        self._note(
            counts={
                **self._folder.manifest.counts,
                "episodes": tally.done,
                **outcomes,
            },
            costs={
                "policy_calls": tally.policy_calls,
                "input_tokens": tally.finished.input_tokens,
                "output_tokens": tally.finished.output_tokens,
                "api_calls": tally.api_calls,
                "money": tally.finished.money,
            },
            sessions=(*earlier, ended),
        )

    async def _run_all(self) -> None:
        schedule: Schedule[Planned] = Schedule(self._todo)
        with first_interrupt_stops(self._stopping):
            if self._configuration.processes > 1:
                await WorkerPool(
                    self._configuration,
                    self._env,
                    self._planned.episodes,
                    self._folder,
                    self._tally,
                    self._stopping,
                    self._finished,
                ).run(schedule)
                return
            await run_in_process(
                self._env,
                schedule,
                self._folder,
                self._configuration.concurrency,
                self._tally,
                self._stopping,
                self._finished,
            )

    def _finished(self, result: Result) -> None:
        self._tally.add(result)
        self._report(self._tally.progress(result))

    def _note(self, **changes: object) -> None:
        self._folder.manifest = self._folder.manifest.model_copy(update=changes)


def _has_run(out: Path | str) -> bool:
    return (Path(out) / "manifest.json").exists()
