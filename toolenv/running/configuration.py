"""A run's configuration: one model for files, flags and Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from toolenv.conversations import SYSTEM_PROMPT
from toolenv.credentials import refuse_credentials, refuse_known_credentials
from toolenv.env import Compatibility, ToolEnv
from toolenv.env_settings import load_tasks
from toolenv.errors import ConfigurationError
from toolenv.limits import Budget
from toolenv.simulators import limit, make_offline, open_simulator, record
from toolenv.simulators.specification import needs_no_network
from toolenv.snapshots import Store
from toolenv.tasks import Task

__all__ = ["RunConfiguration"]

_OF_NO_INFLUENCE = {
    "completions",
    "concurrency",
    "policy_concurrency",
    "prices",
    "processes",
    "record",
    "record_failures",
    "record_time",
    "recording",
    "run_money",
    "run_overrun",
    "run_seconds",
    "run_tokens",
    "simulator_concurrency",
}
"""What results do not depend on."""


_Limit: TypeAlias = Annotated[int, Field(ge=1)]


class RunConfiguration(BaseModel):
    """What is run: tasks, agents, policies and seeds, all with all.

    Args:
        tasks: A task file, or ``module:function`` that returns tasks, with options where it takes
            any: ``module:function?seed=0&count=5000``.
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
        retriever: Specification of what finds the APIs of every task; None for those it lists.
        retrieve_k: How many it finds.
        search_apis: Whether the policy searches, instead of being offered what is found.
        offline: Whether simulators are refused the network; see ``toolenv.simulators.offline``.
            By default where all of them serve recordings: a frozen run.
        record: A store that what the simulator answers is written to; None for none.
        recording: Name of the recording; each task's id by default. The policy's name lets coverage
            tell what the policy recorded itself.
        record_failures: Whether to record also what is no answer of the API, as what it was:
            time-outs, rate limits. A world whose limits are part of it wants that.
        record_time: Whether records carry the time. Without it, equal runs give equal stores.
        concurrency: Episodes in flight, over all processes; results do not depend on it.
        policy_concurrency: Requests under way at each policy server, whichever policies ask it; or
            a number by server, ``HOST:PORT`` or a policy's name where it has no address. None for
            no limit, until a server answers "too many requests": then it is asked less.
        simulator_concurrency: Calls under way at the simulator, adapted in the same way; None for
            no limit. For one rung of a ladder write it there: ``|limit?in_flight=8&adaptive=1``.
        processes: Processes that episodes run in, where Python is the limit; with 1, this one.
            Each opens its own simulator.
        run_money: What the whole run may cost by the price table, all its sessions together. When
            it is spent no episode begins, and those in flight finish.
        run_tokens: Input and output tokens of the whole run, in the same way.
        run_seconds: Wall time of one session of the run, in the same way.
        run_overrun: By which share episodes in flight may exceed these before they are stopped, to
            be done again when the run is resumed.

    Raises:
        ConfigurationError: An option holds a key or token, which the manifest would then hold.
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
    retriever: str | None = None
    retrieve_k: int = Field(default=5, ge=1)
    search_apis: bool = False
    offline: bool | None = None
    record: str | None = None
    recording: str = ""
    record_failures: bool = False
    record_time: bool = True
    concurrency: int = Field(default=16, ge=1)
    policy_concurrency: _Limit | dict[str, _Limit] | None = None
    simulator_concurrency: _Limit | None = None
    processes: int = Field(default=1, ge=1)
    run_money: float | None = Field(default=None, gt=0)
    run_tokens: int | None = Field(default=None, ge=1)
    run_seconds: float | None = Field(default=None, gt=0)
    run_overrun: float = Field(default=0.1, ge=0)

    @model_validator(mode="after")
    def _holds_no_credentials(self) -> Self:
        for option in ("agents", "policies", "simulator"):
            refuse_credentials(list(getattr(self, option)), option)
        refuse_known_credentials(self.model_dump_json(), "configuration")
        return self

    def identity(self) -> dict[str, JsonValue]:
        """What results depend on, for the manifest."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude=_OF_NO_INFLUENCE)
        if not self.no_tools:
            del dumped["no_tools"]  # runs of earlier versions had them too
        if self.retriever is None:  # nor was anything retrieved in those
            for name in ("retriever", "retrieve_k", "search_apis"):
                del dumped[name]
        return {**dumped, "offline": self.is_offline}

    def settings(self) -> dict[str, JsonValue]:
        """The rest, which results do not depend on, for the manifest."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", include=_OF_NO_INFLUENCE)
        return dumped

    @property
    def is_offline(self) -> bool:
        """Whether simulators are refused the network: as asked for, else in frozen runs."""
        if self.offline is not None:
            return self.offline
        return all(map(needs_no_network, self.simulator))

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
        if self.simulator_concurrency is not None:
            simulator = limit(simulator, in_flight=self.simulator_concurrency, adaptive=True)
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
            retriever=self.retriever,
            retrieve_k=self.retrieve_k,
            search_apis=self.search_apis,
        )

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

    def budget(self) -> Budget | None:
        """What one episode may spend; None for no limit."""
        budget = Budget(self.policy_calls, self.tokens, self.api_calls, self.seconds, self.money)
        return None if budget == Budget() else budget
