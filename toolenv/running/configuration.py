"""A run's configuration: one model for files, flags and Python."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from toolenv.conversations import SYSTEM_PROMPT
from toolenv.env import Compatibility, ToolEnv
from toolenv.env_settings import load_tasks
from toolenv.errors import ConfigurationError
from toolenv.limits import Budget
from toolenv.simulators import make_offline, open_simulator, record
from toolenv.simulators.specification import needs_no_network
from toolenv.snapshots import Store
from toolenv.tasks import Task

__all__ = ["RunConfiguration"]

_OF_NO_INFLUENCE = {
    "completions",
    "concurrency",
    "prices",
    "record",
    "record_failures",
    "record_time",
    "recording",
}
"""What results do not depend on."""


class RunConfiguration(BaseModel):
    """What is run: tasks, agents, policies and seeds, all with all.

    Args:
        tasks: A task file, or ``module:function`` that returns tasks.
        split: Keep this split only.
        only: Keep the tasks of these ids only; empty for all.
        first: Keep the first so many tasks only.
        no_tools: Offer nothing but ``Finish``: what passes then needs no tools.
        simulator: Specifications, asked in turn.
        agents: Specifications of strategies.
        policies: Specifications of policies.
        seeds: Seeds; each gives an episode of its own.
        max_steps: Steps of one branch.
        policy_calls: Policy calls of one episode; None for no limit.
        tokens: Input and output tokens of one episode.
        api_calls: API calls of one episode.
        seconds: Wall time of one episode; results then depend on the machine.
        money: What one episode may cost by the price table.
        prices: A price table, for costs in money; see ``toolenv.prices``.
        completions: A store that completions are recorded to and replayed from, or a snapshot
            that they are replayed from alone; see ``RecordedPolicy``.
        observation_limit: Characters of one response that are observed.
        compatibility: Reproduce a benchmark's schemas, matching and rendering.
        system_prompt: The first message.
        offline: Whether simulators are refused the network; see ``toolenv.simulators.offline``.
            By default where all of them serve recordings: a frozen run.
        record: A store that what the simulator answers is written to; None for none.
        recording: Name of the recording; each task's id by default. The policy's name lets coverage
            tell what the policy recorded itself.
        record_failures: Whether to record also what is no answer of the API, as what it was:
            time-outs, rate limits. A world whose limits are part of it wants that.
        record_time: Whether records carry the time. Without it, equal runs give equal stores.
        concurrency: Episodes in flight; results do not depend on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: str = "toolenv.mini:mini_tasks"
    split: str | None = None
    only: tuple[str, ...] = ()
    first: int | None = Field(default=None, ge=1)
    no_tools: bool = False
    simulator: tuple[str, ...] = ("local:toolenv.mini:mini_simulator",)
    agents: tuple[str, ...] = ("react",)
    policies: tuple[str, ...] = ("random",)
    seeds: tuple[int, ...] = (0,)
    max_steps: int = Field(default=16, ge=1)
    policy_calls: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    api_calls: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    money: float | None = Field(default=None, gt=0)
    prices: str | None = None
    completions: str | None = None
    observation_limit: int = Field(default=8192, ge=1)
    compatibility: Compatibility = ""
    system_prompt: str = SYSTEM_PROMPT
    offline: bool | None = None
    record: str | None = None
    recording: str = ""
    record_failures: bool = False
    record_time: bool = True
    concurrency: int = Field(default=16, ge=1)

    def identity(self) -> dict[str, JsonValue]:
        """What results depend on, for the manifest."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude=_OF_NO_INFLUENCE)
        if not self.no_tools:
            del dumped["no_tools"]  # runs of earlier versions had them too
        return {**dumped, "offline": self.is_offline}

    @property
    def is_offline(self) -> bool:
        """Whether simulators are refused the network: as asked for, else in frozen runs."""
        if self.offline is not None:
            return self.offline
        return all(map(needs_no_network, self.simulator))

    def choose(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those of the tasks that are run: ``only`` in its order, and of these the ``first``.

        Raises:
            ConfigurationError: ``only`` names a task that is not there.
        """
        if self.only:
            by_id = {task.id: task for task in tasks}
            unknown = [name for name in self.only if name not in by_id]
            if unknown:
                raise ConfigurationError(
                    f"There is no task {', '.join(unknown)} among {len(tasks)}.",
                    where="only",
                    fix="'toolenv tasks list' names them.",
                )
            tasks = [by_id[name] for name in self.only]
        return tasks[: self.first]

    def open_environment(self) -> ToolEnv:
        """The environment of all its episodes; whoever opens it closes its simulator.

        Raises:
            ToolenvError: Tasks or simulators cannot be opened.
        """
        simulator = (
            make_offline(lambda: open_simulator(self.simulator))
            if self.is_offline
            else open_simulator(self.simulator)
        )
        if self.record is not None:
            simulator = record(
                simulator,
                Store(self.record),
                recording=self.recording,
                failures=self.record_failures,
                clock=self.record_time,
            )
        tasks: str | Sequence[Task] = self.tasks
        if self.no_tools:
            found = load_tasks(self.tasks, self.split)
            tasks = [task.model_copy(update={"apis": ()}) for task in found]
        return ToolEnv(
            tasks,
            simulator,
            split=self.split,
            max_steps=self.max_steps,
            observation_limit=self.observation_limit,
            compatibility=self.compatibility,
            system_prompt=self.system_prompt,
        )

    def budget(self) -> Budget | None:
        """What one episode may spend; None for no limit."""
        budget = Budget(self.policy_calls, self.tokens, self.api_calls, self.seconds, self.money)
        return None if budget == Budget() else budget
