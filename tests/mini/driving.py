"""Walks a task's episode by hand: a session, a policy, and a tree of steps."""

from __future__ import annotations

from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import FINISH
from toolenv.conversations import conversation
from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Message, Response, Status, Step
from toolenv.jsontext import JsonValue, render
from toolenv.mini import KeywordPolicy, mini_simulator
from toolenv.simulators.base import Session
from toolenv.tasks import Task

FINISHED = Response("{}")


class Walk:
    """One episode: steps, and how to add to them."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.steps: list[Step] = []
        self.resolver = Resolver(task.named_apis)

    def branch(self, at: int) -> Branch:
        return Branch(self.task, self.steps, at)

    def step(self, at: int, rank: int, session: Session, message: Message) -> int:
        """Append a step below ``at``, and return its number."""
        calls = tuple(self.resolver.resolve(call) for call in message.calls)
        responses = tuple(self._response(call, session, at) for call in calls)
        ended = ""
        for call in calls:
            if call.function == FINISH and call.arguments is not None:
                given = call.arguments["return_type"] == "give_answer"
                ended = "answer" if given else "gave_up"
        text = responses[0].text if responses else ""
        self.steps.append(Step(at, rank, message, calls, responses, text, 0.0, ended))
        return len(self.steps) - 1

    def _response(self, call: Call, session: Session, at: int) -> Response:
        if call.function == FINISH:
            return FINISHED
        answered = bridge.run(session.call(call, self.branch(at)))
        assert answered is not None
        return answered


def finish(answer: str | None) -> FunctionCall:
    arguments: dict[str, JsonValue] = {"return_type": "give_up_and_restart"}
    if answer is not None:
        arguments = {"return_type": "give_answer", "final_answer": answer}
    return FunctionCall(FINISH, render(arguments))


def search(task: Task, breadth: int, seed: int = 0) -> Branch:
    """Depth-first search with the keyword policy; breadth 1 is a single attempt."""
    walk = Walk(task)
    policy = KeywordPolicy()
    last = ROOT
    waiting: list[tuple[int, Session, list[int]]] = [(ROOT, mini_simulator().open(task, 0), [])]
    while waiting:
        at, session, children = waiting[-1]
        if len(children) == breadth or walk.branch(at).ended or len(waiting) > 12:
            waiting.pop()
            continue
        messages = conversation(walk.branch(at))
        if children:
            tried = [call.function for child in children for call in walk.steps[child].calls]
            messages.append({"role": "user", "content": f"Already tried: {', '.join(tried)}."})
        message = bridge.run(policy(messages, task.functions, seed=seed))
        fork = session.fork()
        last = walk.step(at, len(children), fork, message)
        if walk.steps[last].ended == "answer":
            break
        children.append(last)
        waiting.append((last, fork, []))
    assert all(r.status != Status.MISS for step in walk.steps for r in step.responses)
    return walk.branch(last)
