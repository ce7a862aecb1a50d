"""The environment: every instruction is a Gymnasium episode whose actions are API calls.

``ToolEnv`` is what users hold. A branch of an episode is one environment; ``fork`` makes another at
the same point in constant time, over the same list of steps. One coroutine, ``astep``, serves both
``step`` and asynchronous agents: read the action (never raises), resolve its calls (the only part
that may wait), settle (append one step).
"""

from __future__ import annotations

import copy
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

import gymnasium
import numpy as np
from gymnasium.utils import seeding

from toolenv import bridge
from toolenv.actions import ACTION_FORMATS, Action, ActionFormat, read_action
from toolenv.apis import FINISH
from toolenv.checks import check_reward
from toolenv.conversations import SYSTEM_PROMPT, conversation, observe, step_messages
from toolenv.env_settings import (
    COMPATIBILITIES,
    Compatibility,
    Reward,
    Settings,
    load_tasks,
    read_budget,
)
from toolenv.env_state import EpisodeState
from toolenv.episodes import (
    ROOT,
    Branch,
    Call,
    Episode,
    FunctionCall,
    Message,
    Outcome,
    Response,
    Status,
    Step,
    number_in_preorder,
)
from toolenv.errors import ConfigurationError, EpisodeError, SimulatorError
from toolenv.jsontext import JsonValue
from toolenv.limits import Budget, Meter
from toolenv.observations import (
    REMINDER,
    answer_without_api,
    cut,
    miss,
    refuse,
    toolbench_observation,
)
from toolenv.open_domain import SEARCH, names_found, open_domain, unfound
from toolenv.seeds import derive
from toolenv.simulators.base import Session, Simulator, state_of
from toolenv.simulators.specification import import_object, open_simulator
from toolenv.spaces import AnyText, CallSpace
from toolenv.suggestions import did_you_mean
from toolenv.tasks import Task

if TYPE_CHECKING:
    from toolenv.retrieval.base import Retriever

__all__ = ["Compatibility", "Reward", "ToolEnv"]

_MAX_CALLS = 64
"""Calls of one action that are carried out; the rest is refused."""

_EMBEDDED = "toolenv.mini:mini_tasks"
_EMBEDDED_SIMULATOR = "local:toolenv.mini:mini_simulator"


class ToolEnv(gymnasium.Env[str, str]):
    """An environment over a list of tasks and whatever answers their calls.

    Actions are texts in any of the named formats, messages, calls, or dictionaries in OpenAI's
    form; observations are texts. ``step`` never raises for what a policy says: nonsense gets an
    error as its observation. ``Finish`` terminates, limits truncate, and ``info["ended"]`` says
    which: ``answer``, ``gave_up``, ``limit:…``, ``error:…``.

    ``info`` has the same keys with the same types at every step: ``task``, ``source``, ``origin``,
    ``ended``, ``outcome`` (texts), ``status``, ``calls`` (integers). The outcome (passed, failed,
    unsure, infrastructure_error) is set when the branch ends, and is apart from the reward.

    Args:
        tasks: Tasks, a file of them, or ``module:function`` that returns them, with options where
            it takes any: ``module:function?seed=0&count=5000``.
        simulator: A simulator, its specification, or several of either as a ladder.
        split: Keep the tasks of this split only.
        reward: A function of the branch, or ``module:function``. Default: 1 at the end of a
            branch that passes its task's check, else 0.
        max_steps: Steps of one branch after which it is truncated; a task may allow fewer.
        budget: What one episode may spend over all its branches.
        observation_limit: Characters of one response that are observed.
        action_format: How texts are read.
        compatibility: Reproduce a benchmark's function schemas, matching and rendering.
        system_prompt: The first message; empty for none.
        reminder: Said after a message without a call; empty for silence.
        render_mode: ``ansi`` or None.
        retriever: Finds the APIs of every task, instead of those it lists: a retriever, or its
            specification (see ``toolenv.retrieval.specification``).
        retrieve_k: How many it finds.
        search_apis: Offer a function that finds them, instead of offering them at the start. What
            it finds can be called from the next step of the branch on.

    Raises:
        ConfigurationError: An option cannot be used.
        FormatError: The task file cannot be read.

    Example:
        >>> env = ToolEnv(split="I1-inst")
        >>> instruction, info = env.reset(seed=7)
        >>> observation, reward, terminated, truncated, info = env.step("hello")
        >>> terminated, truncated, info["status"]
        (False, False, 2)
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        tasks: str | os.PathLike[str] | Sequence[Task] = _EMBEDDED,
        simulator: str | Simulator | Sequence[str | Simulator] = _EMBEDDED_SIMULATOR,
        *,
        split: str | None = None,
        reward: Reward | str = check_reward,
        max_steps: int = 16,
        budget: Budget | Mapping[str, float] | None = None,
        observation_limit: int = 8192,
        action_format: ActionFormat = "auto",
        compatibility: Compatibility = "",
        system_prompt: str = SYSTEM_PROMPT,
        reminder: str = REMINDER,
        render_mode: str | None = None,
        retriever: str | Retriever | None = None,
        retrieve_k: int = 5,
        search_apis: bool = False,
    ) -> None:
        for name, value, least in (
            ("max_steps", max_steps, 1),
            ("observation_limit", observation_limit, 1),
        ):
            if value < least:
                raise ConfigurationError(f"It is {value}, and must be {least} or more.", where=name)
        if action_format not in ACTION_FORMATS:
            raise ConfigurationError(
                f"Unknown action format: {action_format!r}.",
                fix=f"Use one of {', '.join(ACTION_FORMATS)}.",
            )
        if compatibility not in COMPATIBILITIES:
            raise ConfigurationError(
                f"Unknown compatibility mode: {compatibility!r}.",
                fix="Use 'toolbench', 'stabletoolbench' or nothing.",
            )
        if render_mode not in (None, "ansi"):
            raise ConfigurationError(f"Unknown render mode: {render_mode!r}.", fix="Use 'ansi'.")
        if search_apis and (retriever is None or compatibility):
            raise ConfigurationError(
                "Searching needs a retriever."
                if retriever is None
                else "Searching has no form in ToolBench's compatibility modes.",
                where="search_apis",
                fix="Name a retriever, such as hybrid:FOLDER, and no compatibility mode.",
            )
        self._settings = Settings(
            tasks=tuple(load_tasks(tasks, split)),
            simulator=open_simulator(simulator),
            reward=import_object(reward, where="reward") if isinstance(reward, str) else reward,
            max_steps=max_steps,
            budget=read_budget(budget),
            observation_limit=observation_limit,
            action_format=action_format,
            compatibility=compatibility,
            system_prompt=system_prompt,
            reminder=reminder,
            open_domain=open_domain(retriever, retrieve_k, search=search_apis),
        )
        self._owns_simulator = not isinstance(simulator, Simulator)
        self._owns_retriever = isinstance(retriever, str)
        self.render_mode = render_mode
        self._clear()

    # --- Gymnasium's contract -----------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: What all randomness of the episode derives from; with an equal seed and task,
                everything is equal. Without it, drawn from the environment's generator.
            options: ``task``: the task, its id or its index; else one is drawn.

        Returns:
            The instruction and ``info``.

        Raises:
            ConfigurationError: There is no such task, or the seed is no integer from 0.
        """
        if seed is not None:
            seed = _read_seed(seed)
            self._generator = None
            self._np_random_seed = seed
        task = self._choose((options or {}).get("task"))
        base = seed if seed is not None else int(self.np_random.integers(1 << 62))
        self._begin(task, base)
        return task.instruction, self._info((), Status.OK, "")

    def step(self, action: Action) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one step; see ``astep``."""
        return bridge.run(self.astep(action))

    async def astep(self, action: object) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one step: one message, its calls, their responses.

        Args:
            action: A message, a call, a dictionary in OpenAI's form, text or bytes.

        Returns:
            Observation, reward, terminated, truncated, ``info``.

        Raises:
            EpisodeError: There is no episode, or this branch has ended.
        """
        shared = self._shared
        if shared is None:
            raise EpisodeError("There is no episode yet.", fix="Call reset first.")
        if self._ended:
            raise EpisodeError(
                f"This branch has ended ({self._ended}).",
                fix="Call reset for a new episode, or fork before the last step.",
            )
        settings = self._settings
        message = (
            action if isinstance(action, Message) else read_action(action, settings.action_format)
        )
        resolve = shared.resolver.resolve if settings.open_domain is None else self._resolve
        written = message.calls
        calls: tuple[Call, ...]
        responses: tuple[Response, ...]
        if len(written) == 1:
            call = resolve(written[0])
            calls = (call,)
            responses = (await self._respond(call),)
        else:
            calls = tuple(map(resolve, written))
            responses = await self._respond_all(calls)
        return self._settle(message, calls, responses)

    def render(self) -> str | None:
        """The branch so far as text, with ``render_mode="ansi"``."""
        if self.render_mode != "ansi" or self._shared is None:
            return None
        lines = [f"task {self.task.id}: {self.task.instruction}"]
        for number, step in enumerate(self.branch.path()):
            if step.message.content:
                lines.append(f"{number} says: {step.message.content}")
            lines.extend(f"{number} calls: {call.function}({call.text})" for call in step.calls)
            lines.append(f"{number} observes: {step.observation}")
        return "\n".join(lines)

    def close(self) -> None:
        """Release simulator and retriever, if this environment made them; twice is harmless.

        Forks, copies and fresh environments use those of the one they come from.
        """
        if self._owns_simulator:
            self._settings.simulator.close()
        if self._owns_retriever and self._settings.open_domain is not None:
            self._settings.open_domain.retriever.close()

    @property
    def action_space(self) -> CallSpace:  # type: ignore[override]
        """Texts; ``sample`` draws calls that fit the current task's functions."""
        if self._action_space is None:
            self._action_space = CallSpace(self.functions if self._shared else ())
        return self._action_space

    @property
    def observation_space(self) -> AnyText:  # type: ignore[override]
        """All texts."""
        if self._observation_space is None:
            self._observation_space = AnyText()
        return self._observation_space

    @property
    def _np_random(self) -> np.random.Generator | None:
        """Gymnasium's generator, made when first used: making it costs more than a step."""
        if self._generator is None and self._np_random_seed is not None:
            self._generator, _ = seeding.np_random(self._np_random_seed)
        return self._generator

    @_np_random.setter
    def _np_random(self, value: np.random.Generator | None) -> None:
        self._generator = value

    # --- branches -----------------------------------------------------------------------------

    def fork(self, rank: int | None = None) -> ToolEnv:
        """Another environment at this point of the episode, independent from here on.

        Both share the steps taken so far, the meter and the simulator's state up to here; state
        is copied at the first call that changes it. Constant time, whatever the length.

        Args:
            rank: The place of the fork's next step among its siblings. By default, places are
                given in the order in which steps are taken; give it where siblings are explored
                concurrently.

        Raises:
            ForkRefusedError: The simulator cannot undo what was done.
            EpisodeError: There is no episode.
        """
        if self._session is None:
            raise EpisodeError("There is no episode to fork.", fix="Call reset first.")
        twin = _new(type(self))
        twin._settings = self._settings
        twin._shared = self._shared
        twin._session = self._session.fork()
        twin._at = self._at
        twin._depth = self._depth
        twin._ended = self._ended
        twin._rank = rank
        twin._names = self._names
        twin._log = self._log
        twin._logged = self._logged
        twin.render_mode = self.render_mode
        return twin

    def fresh(self) -> ToolEnv:
        """An environment with the same settings and simulator, and no episode yet."""
        twin = _new(type(self))
        twin._settings = self._settings
        twin.render_mode = self.render_mode
        return twin

    def episode(
        self,
        chosen: Branch | None = None,
        *,
        agent: str = "",
        policy: str = "",
        seed: int = 0,
        agent_fingerprint: str = "",
        failed: str = "",
    ) -> Episode:
        """The whole episode, over all branches, numbered in pre-order.

        Args:
            chosen: The branch the agent settled on; None for none.
            agent: The agent's name.
            policy: The policy's name.
            seed: The seed of the attempt.
            agent_fingerprint: Digest of agent, policy and sampling.
            failed: Why the attempt broke off, as ``error:…``; empty when it did not.
        """
        shared = self._need()
        steps, numbers = number_in_preorder(shared.steps)
        at_taken = chosen.at if chosen is not None else ROOT
        at = numbers[at_taken]
        branch = Branch(shared.task, steps, at)
        exhausted = shared.meter.exhausted()
        ended = failed or branch.ended or (f"limit:{exhausted}" if exhausted else "no_answer")
        return Episode(
            task=shared.task,
            steps=steps,
            chosen=at,
            agent=agent,
            policy=policy,
            seed=seed,
            ended=ended,
            outcome="infrastructure_error" if failed else shared.outcome_of(at_taken),
            reward=sum(step.reward for step in branch.path()),
            cost=shared.meter.cost(),
            fingerprints={"environment": self.fingerprint, "agent": agent_fingerprint},
        )

    @property
    def branch(self) -> Branch:
        """The branch so far."""
        shared = self._need()
        return Branch(shared.task, shared.steps, self._at)

    # --- what an agent reads ------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """The episode's task."""
        return self._need().task

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks of the environment."""
        return self._settings.tasks

    @property
    def simulator(self) -> Simulator:
        """What answers the calls."""
        return self._settings.simulator

    @property
    def functions(self) -> list[dict[str, JsonValue]]:
        """What the policy may call, in OpenAI's form; ``Finish`` last."""
        shared = self._need()
        if not self._names:
            return shared.functions
        if self._found is None:
            assert self._settings.open_domain is not None  # only searching gives names
            self._found = self._settings.open_domain.functions(self._names)
        return self._found

    def offered(self, task: Task) -> Task:
        """The task with the APIs that an episode offers: as listed, or as retrieved."""
        found = self._settings.open_domain
        return task if found is None else found.offered(task)

    @property
    def messages(self) -> list[dict[str, JsonValue]]:
        """The conversation so far, in OpenAI's form. Read it; do not change what is in it."""
        if self._log is None:
            self._log = conversation(self.branch, self._settings.system_prompt)
            self._logged = len(self._log)
        return self._log[: self._logged]

    @property
    def done(self) -> bool:
        """Whether this branch has ended, or the episode's budget is spent."""
        if self._ended:
            return True
        meter = self._need().meter
        return meter.budget is not None and bool(meter.exhausted())

    @property
    def ended(self) -> str:
        """Why this branch has ended; empty while it goes on."""
        return self._ended

    @property
    def meter(self) -> Meter:
        """What the episode has spent, over all its branches."""
        return self._need().meter

    def attach(
        self, meter: Meter | None = None, observer: Callable[[Step], None] | None = None
    ) -> None:
        """Charge the episode to a meter and report its steps, from here on, in all its branches.

        Args:
            meter: What is charged; the one it has where None.
            observer: Told of every step as it is taken; no one where None.
        """
        shared = self._need()
        shared.meter = meter or shared.meter
        shared.observer = observer

    @property
    def depth(self) -> int:
        """How many steps the branch has."""
        return self._depth

    @property
    def seed(self) -> int:
        """The seed of the next decision: derived from seed, task and the ranks along the path.

        0 before there is an episode.
        """
        shared = self._shared
        if shared is None:  # Gymnasium's checker looks for a method of this name
            return 0
        at = self._at
        rank = self._rank if self._rank is not None else shared.ranks.get(at, 0)
        decision = self._decision
        if decision is None or decision[0] != rank:  # a sibling may have taken the rank meanwhile
            self._decision = decision = (rank, derive(shared.seed_of(at), rank))
        return decision[1]

    @property
    def fingerprint(self) -> str:
        """Digest of what an observation depends on: documents, tasks, simulator, settings."""
        return self._settings.fingerprint

    @property
    def fingerprint_parts(self) -> dict[str, str]:
        """Digests of the parts of the fingerprint, by name: where two environments differ."""
        return dict(self._settings.parts)

    # --- machinery ----------------------------------------------------------------------------

    _shared: EpisodeState | None = None
    _session: Session | None = None
    _at: int = ROOT
    _depth: int = 0
    _ended: str = ""
    _rank: int | None = None
    _decision: tuple[int, int] | None = None  # rank and seed of the next, once asked for
    _names: tuple[str, ...] = ()
    _found: list[dict[str, JsonValue]] | None = None
    _log: list[dict[str, JsonValue]] | None = None
    _logged: int = 0
    _action_space: CallSpace | None = None
    _observation_space: AnyText | None = None
    _generator: np.random.Generator | None = None
    _owns_simulator: bool = False
    _owns_retriever: bool = False
    _settings: Settings

    def _clear(self) -> None:
        self._shared = self._session = self._log = self._rank = self._found = None
        self._decision = None
        self._names = ()
        self._at, self._depth, self._ended, self._logged = ROOT, 0, "", 0

    def _need(self) -> EpisodeState:
        if self._shared is None:
            raise EpisodeError("There is no episode yet.", fix="Call reset first.")
        return self._shared

    def _choose(self, wanted: object) -> Task:
        tasks = self._settings.tasks
        if wanted is None:
            return tasks[int(self.np_random.integers(len(tasks)))]
        if isinstance(wanted, Task):
            return wanted
        if type(wanted) is int and -len(tasks) <= wanted < len(tasks):
            return tasks[wanted]
        found = self._settings.by_id.get(str(wanted)) if isinstance(wanted, str) else None
        if found is None:
            raise ConfigurationError(
                f"There is no task {wanted!r} among {len(tasks)}.",
                where='options["task"]',
                fix=did_you_mean(wanted, self._settings.by_id, 3) or "Give an id or an index.",
            )
        return found

    def _begin(self, task: Task, seed: int) -> None:
        self._clear()
        settings = self._settings
        found = settings.open_domain
        task = task if found is None else found.offered(task)
        self._shared = EpisodeState(task, derive(seed, task.id), settings)
        reachable = task if found is None else found.reachable(task)
        self._session = settings.simulator.open(reachable, self._shared.seed)
        if self._action_space is not None:
            self._action_space.functions = self._shared.functions

    def _resolve(self, written: FunctionCall) -> Call:
        """Find the API of a call; of one that was not found yet there is none."""
        call = self._need().resolver.resolve(written)
        found = self._settings.open_domain
        if found is None or not found.search or call.api is None or call.function in self._names:
            return call
        return unfound(call)

    async def _respond(self, call: Call) -> Response:
        """Answer one call: ours, the simulator's, or a typed miss."""
        response: Response | None
        if call.api is None:
            found = self._settings.open_domain
            if found is not None and found.search and call.function == SEARCH:
                return await found.answer(call, self._settings.observation_limit)
            response = answer_without_api(call)
        else:
            shared, session = self._shared, self._session
            assert shared is not None and session is not None  # astep has checked
            meter = shared.meter
            most = meter.budget.api_calls if meter.budget is not None else None
            if most is not None and meter.api_calls >= most:  # by calls of the same message
                return refuse("Not called: the budget of API calls is spent.", Status.BAD_INPUT)
            meter.api_calls += 1
            try:
                response = await session.call(call, Branch(shared.task, shared.steps, self._at))
            except SimulatorError as failure:
                return refuse(str(failure), Status.SIMULATOR_FAILED)
            if response is None:
                response = miss(call)
        settings = self._settings
        if settings.compatibility:
            return toolbench_observation(response)
        if len(response.text) > settings.observation_limit:
            return cut(response, settings.observation_limit)
        return response

    async def _respond_all(self, calls: tuple[Call, ...]) -> tuple[Response, ...]:
        """Answer several calls: concurrently, unless one of them changes state; then in order."""
        shared = self._need()
        for index, call in enumerate(calls):
            if call.function == FINISH and not call.invalid:
                done, rest = calls[: index + 1], len(calls) - index - 1
                late = refuse("Not called: Finish came before it.", Status.BAD_INPUT)
                return (*await self._respond_all_of(done, shared), *(late,) * rest)
        return await self._respond_all_of(calls, shared)

    async def _respond_all_of(
        self, calls: tuple[Call, ...], shared: EpisodeState
    ) -> tuple[Response, ...]:
        many = refuse(f"Not called: one action carries {_MAX_CALLS} calls.", Status.BAD_INPUT)
        made, rest = calls[:_MAX_CALLS], len(calls) - _MAX_CALLS
        if any(call.api is not None and shared.named_apis[call.function].mutates for call in made):
            answers = [await self._respond(call) for call in made]
        else:
            answers = await bridge.gather([partial(self._respond, call) for call in made])
        return (*answers, *(many,) * rest)

    def _settle(
        self,
        message: Message,
        calls: tuple[Call, ...],
        responses: tuple[Response, ...],
    ) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Append one step: pure, and the only place that changes the episode."""
        shared, settings = self._shared, self._settings
        assert shared is not None  # astep has checked
        shared.meter.charge_policy(message.usage)
        status, terminated, ended = _BAD_INPUT, False, ""
        for response in responses:
            status = response.status
            if status is _SIMULATOR_FAILED:  # no one's wrong answer, whatever comes after it
                terminated, ended = False, "error:simulator"
                break
            if status is _ANSWERED or status is _GAVE_UP:
                terminated = True
                ended = "answer" if status is _ANSWERED else "gave_up"
                break
        if not ended:
            if self._depth + 1 >= shared.max_steps:
                ended = "limit:steps"
            elif settings.budget is not None or shared.meter.budget is not None:
                exhausted = shared.meter.exhausted()
                ended = f"limit:{exhausted}" if exhausted else ""
        if len(responses) == 1:
            observation = responses[0].text
        else:
            observation = observe(calls, responses) if calls else settings.reminder
        steps, parent = shared.steps, self._at
        rank = shared.take_rank(parent, self._rank)
        state = self._state_for_check() if ended else None
        step = Step(parent, rank, message, calls, responses, observation, 0.0, ended, state)
        self._at = at = len(steps)
        steps.append(step)
        reward = 0.0
        if ended or settings.reward is not check_reward:  # which rewards ends alone
            try:
                if settings.reward is check_reward and not ended.startswith("error:"):
                    reward = float(shared.outcome_of(at) == "passed")  # the same, decided once
                else:
                    reward = settings.reward(Branch(shared.task, steps, at))
            except BaseException:  # a reward that fails leaves the branch as it was
                steps.pop()
                self._at = parent
                raise
            if reward:
                steps[at] = step = step._replace(reward=reward)
        if shared.observer is not None:
            shared.observer(step)
        if self._log is not None:
            if len(self._log) != self._logged:  # a sibling went on from the same messages
                self._log = self._log[: self._logged]
            self._log.extend(step_messages(step, self._depth))
            self._logged = len(self._log)
        self._depth += 1
        if settings.open_domain is not None:
            self._add_found(calls, responses)
        self._ended = ended
        if self._decision is not None and self._decision[0] == rank:
            shared.seeds[at] = self._decision[1]
        self._rank = self._decision = None
        truncated = bool(ended) and not terminated
        return observation, reward, terminated, truncated, self._info(responses, status, ended)

    def _add_found(self, calls: tuple[Call, ...], responses: tuple[Response, ...]) -> None:
        """Add what a step's searches found to what can be called."""
        new = [name for pair in zip(calls, responses, strict=True) for name in names_found(*pair)]
        if new:
            self._names = tuple(dict.fromkeys((*self._names, *new)))
            self._found = None
            if self._action_space is not None:
                self._action_space.functions = self.functions

    def _state_for_check(self) -> JsonValue:
        """The local world's state now, where the task's check reads it."""
        check, session = self.task.check, self._session
        if check is None or session is None or not check.reads_state:
            return None
        return state_of(session)

    def _info(self, responses: tuple[Response, ...], status: Status, ended: str) -> dict[str, Any]:
        shared = self._shared
        assert shared is not None  # only called within an episode
        last = responses[-1] if responses else _NOTHING
        outcome: Outcome = shared.outcome_of(self._at) if ended else "unsure"
        return {
            "task": shared.task.id,
            "status": int(status),
            "source": last.source,
            "origin": last.origin,
            "calls": len(responses),
            "ended": ended,
            "outcome": outcome,
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> ToolEnv:
        """A fork with steps, meter and generators of its own; simulators are shared."""
        twin = self.fresh() if self._shared is None else self.fork(self._rank)
        if self._shared is not None:
            twin._shared = self._shared.copy()
            twin._log = None
        twin.spec = self.spec
        twin._np_random_seed = self._np_random_seed
        for name in ("_generator", "_action_space", "_observation_space"):
            setattr(twin, name, copy.deepcopy(getattr(self, name), memo))
        return twin


_NOTHING = Response("")
_BAD_INPUT, _ANSWERED, _GAVE_UP = Status.BAD_INPUT, Status.ANSWERED, Status.GAVE_UP
_SIMULATOR_FAILED = Status.SIMULATOR_FAILED
"""Read once: until Python 3.12, each reading of an enumeration's member is a call."""


def _read_seed(seed: SupportsIndex) -> int:
    """A seed as Python's integer, so that NumPy's draws the same; Gymnasium asks for no less."""
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise ConfigurationError(f"It is {seed!r}.", where="seed", fix="Give an integer from 0.")
    return number


def _new(kind: type[ToolEnv]) -> ToolEnv:
    return kind.__new__(kind)
