"""Runs made by hand, some of whose texts would do harm if anything obeyed them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from toolenv.apis import FINISH, Identity
from toolenv.episodes import (
    ROOT,
    Call,
    Cost,
    Episode,
    FunctionCall,
    Message,
    Origin,
    Outcome,
    Response,
    Source,
    Status,
    Step,
)
from toolenv.jsontext import render
from toolenv.judging.decision_tree import Decision
from toolenv.judging.verdicts import PassVerdict, PassVote, PathStep
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.running.verdict_sets import VerdictManifest, VerdictSet
from toolenv.tasks import Task

HOSTILE = [
    "<script>document.title='pwned'</script>",
    '{"a":"</script><script>document.body.id=\'pwned\'</script>"}',
    "<img src=x onerror=\"document.title='pwned'\">",
    "</pre></details><h1 id=pwned>pwned</h1>",
    "{{ 7 * 7 }}{% raw %}",
    "line\u2028separator \u202ereversed \x00nul \ud800 lone",
    "\x1b[2J\x1b[1;1H\x1b]0;pwned\x07 and [bold red]markup[/] [/nothing]",
]
WEATHER = Identity("search_for_weather", "Weather", "weather", "search")


def called(
    parent: int,
    rank: int,
    name: str,
    arguments: dict[str, Any],
    text: str,
    thought: str = "",
    *,
    status: Status = Status.OK,
    source: Source = "snapshot",
    origin: Origin = "live",
    ended: str = "",
    reward: float = 0.0,
    diversity: str = "",
) -> Step:
    written = FunctionCall(name, render(arguments), f"call_{parent + 1}")
    api = None if name == FINISH else WEATHER._replace(function=name)
    call = Call(name, arguments, api, written.arguments, "", written.id)
    response = Response(text, status, source, origin)
    message = Message(thought, (written,), diversity=diversity)
    return Step(parent, rank, message, (call,), (response,), text, reward, ended)


def finish(parent: int, rank: int, answer: str | None, thought: str = "") -> Step:
    arguments = (
        {"return_type": "give_up_and_restart"}
        if answer is None
        else {"return_type": "give_answer", "final_answer": answer}
    )
    return called(
        parent,
        rank,
        FINISH,
        arguments,
        '{"error":"","response":"chat closed"}',
        thought,
        status=Status.GAVE_UP if answer is None else Status.ANSWERED,
        source="environment",
        origin="environment",
        ended="gave_up" if answer is None else "answer",
        reward=0.0 if answer is None else 1.0,
    )


def tree(task: Task, outcome: Outcome = "passed", policy: str = "script") -> Episode:
    """A tree as DFSDT leaves it: a dead end, a retry, an answer."""
    days = [{"day": day, "high": 20 + day} for day in range(60)]
    long = render({"error": "", "response": {"days": days}})
    steps = (
        called(ROOT, 0, "search_for_weather", {"city": "Paris", "days": 3}, long, "I look it up."),
        called(
            0,
            0,
            "alerts_for_weather",
            {"area": "Île-de-France"},
            '{"error":"Too many requests","response":""}',
            "Are there any warnings?",
            status=Status.TOO_MANY_REQUESTS,
        ),
        finish(1, 0, None, "That leads nowhere."),
        called(
            0,
            1,
            "alerts_for_weather",
            {"area": "Paris"},
            '{"error":"","response":{"alerts":[]}}',
            "I try the city's name instead.",
            source="llm",
            origin="simulated",
            diversity="You have already tried Île-de-France: take a different step.",
        ),
        called(
            3,
            0,
            "tides_for_weather",
            {},
            '{"error":"The snapshot has no answer to this call.","response":""}',
            status=Status.MISS,
            source="environment",
            origin="environment",
            ended="limit:api_calls",
        ),
        finish(3, 1, "No warnings; 21 °C."),
    )
    return Episode(
        task,
        steps,
        5,
        "dfsdt",
        policy,
        0,
        "answer",
        outcome,
        float(outcome == "passed"),
        Cost(6, 5210, 312, 4, 0.0123),
        {"environment": "environment-0123456789abcdef", "agent": "agent-fedcba9876543210"},
    )


def chain(task: Task, outcome: Outcome = "passed", policy: str = "script") -> Episode:
    """A chain as ReACT leaves it."""
    failed = outcome != "passed"
    steps = (
        called(ROOT, 0, "search_for_weather", {"city": "Paris"}, '{"error":"","response":"21 °C"}'),
        finish(0, 0, None if failed else "21 °C"),
    )
    ended = {"infrastructure_error": "error:simulator"}.get(
        outcome, "gave_up" if failed else "answer"
    )
    cost = Cost(2, 900, 60, 1)
    return Episode(task, steps, 1, "react", policy, 0, ended, outcome, float(not failed), cost)


def hostile(text: str, number: int) -> Episode:
    """An episode in which every text from outside is the given one."""
    written = FunctionCall(text, text, text)
    source, origin = cast("Source", text), cast("Origin", text)
    step = Step(
        ROOT,
        0,
        Message(text, (written,), text, text, repaired=text),
        (Call(text, {text: text}, None, text, text, text),),
        (Response(text, Status.API_ERROR, source, origin, "truncated"),),
        text,
        ended=text,
    )
    task = Task(id=f"hostile {number} {text}", instruction=text, split=text)
    return Episode(task, (step,), 0, text, text, number, text, "failed", fingerprints={text: text})


def write_run(path: Path, episodes: list[Episode]) -> RunFolder:
    tasks = {episode.task.id: episode.task for episode in episodes}
    with RunFolder.create(path, tasks.values(), sync="never") as run:
        for episode in episodes:
            run.journal.write(episode)
        run.write_results()
    return RunFolder.open(path)


def judge(run: RunFolder) -> None:
    """A set of pass verdicts on a run's episodes: two votes each, and their paths."""

    def vote(decision: Decision) -> PassVote:
        path = [
            PathStep("finished", "yes", "it ended: answer"),
            PathStep("answered", "yes", "an answer"),
        ]
        if decision == "passed":
            path.append(PathStep("answer_solves", "solved", "21 °C", True, "It says so."))
        else:
            path.append(PathStep("answer_solves", "unsolved", "rain", False, "It says nothing."))
            path.append(PathStep("solvable_after_unsolved", "solvable", reason="A tool does."))
        return PassVote(tuple(path), decision)

    verdicts = []
    for episode in run.episodes():
        decision: Decision = "passed" if episode.outcome == "passed" else "failed"
        key = EpisodeKey.of(episode)._asdict()
        verdicts.append(
            PassVerdict(
                **key,
                split=episode.task.split,
                decision=decision,
                reason=f"2 {decision}",
                tree="tooleval",
                votes=(vote(decision),) * 2,
            )
        )
    VerdictSet(run.path, "careful").write(verdicts, VerdictManifest(kind="pass", judge="judge-1"))


def mixed() -> list[Episode]:
    """Two agents and two policies over two splits, with each outcome."""
    found: list[Episode] = []
    for number in range(12):
        task = Task(
            id=f"{588 + number}",
            instruction="I am planning a weekend in Paris. What will the weather be like, and are "
            "there any warnings that I should know of?",
            split="G1_instruction" if number % 3 else "G2_category",
        )
        found.append(tree(task, outcome="failed" if number % 4 == 1 else "passed"))
        found.append(chain(task, outcome="passed" if number % 3 == 0 else "failed"))
        outcome: Outcome = "infrastructure_error" if number == 5 else "failed"
        found.append(chain(task, outcome="passed" if number == 2 else outcome, policy="random"))
    return found
