"""What a teacher would have said where another policy stood: DAgger's demonstrations.

Whoever imitates whole paths of an expert has never seen what it takes to go on after a mistake that
the expert does not make. So the student explores, and at each of its decisions the teacher is asked
(Ross et al. 2011, "A Reduction of Imitation Learning and Structured Prediction to No-Regret Online
Learning").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from toolenv import bridge
from toolenv.agents.base import Policy
from toolenv.agents.policies.prompting import with_objects
from toolenv.conversations import step_messages
from toolenv.episodes import Message
from toolenv.errors import PolicyError
from toolenv.formats.row_columns import Columns
from toolenv.jsontext import JsonValue, render, render_sorted
from toolenv.preferences.explored import Explored
from toolenv.preferences.lengths import TokenLimit
from toolenv.preferences.pairs import without_ids
from toolenv.seeds import derive

__all__ = ["TAUGHT_COLUMNS", "taught_rows"]

TAUGHT_COLUMNS: Final[Columns] = {
    "prompt": ["json"],
    "completion": ["json"],
    "tools": "string",
    **dict.fromkeys(("task", "split", "provenance"), "string"),
}

_TASKS_AT_ONCE: Final = 64


class _Decision(NamedTuple):
    """A decision of a chosen branch: which, and what had been said before, in OpenAI's form."""

    explored: Explored
    place: int
    heard: list[dict[str, JsonValue]]

    @property
    def message(self) -> Message:
        """What the student said."""
        return self.explored.episode.branch.path()[self.place].message


def taught_rows(
    groups: Iterable[Sequence[Explored]],
    teacher: Policy,
    counts: Counter[str],
    limit: TokenLimit | None = None,
) -> Iterator[Mapping[str, object]]:
    """Decisions of chosen branches with the teacher's message, for SFTTrainer: the loss is on it.

    Decisions about one task before which the same was said are one row. Those at which the teacher
    fails are counted.

    Args:
        groups: Episodes, those of one task together.
        teacher: Who is asked.
        counts: Where everything is counted.
        limit: Rows that do not fit are left out, never cut.
    """
    waiting = iter(groups)
    while together := [*islice(waiting, _TASKS_AT_ONCE)]:
        decisions = [one for group in together for one in _decisions(group, counts)]
        ask = [partial(_say, teacher, one) for one in decisions]
        said = bridge.run_on_loop(partial(bridge.gather, ask))
        for decision, message in zip(decisions, said, strict=True):
            if message is None:
                counts["decisions at which the teacher failed"] += 1
                continue
            explored = decision.explored
            prompt = [with_objects(one) for one in decision.heard]
            completion = [with_objects(message.as_openai(decision.place))]
            if limit is not None and not limit.fits([*prompt, *completion], explored.functions):
                counts[f"longer than {limit.longest} tokens left out"] += 1
                continue
            agreed = _calls(decision.message) == _calls(message)
            counts["decisions that the teacher would have made"] += agreed
            yield {
                "prompt": prompt,
                "completion": completion,
                "tools": render(list(explored.functions)),
                "task": explored.episode.task.id,
                "split": explored.episode.task.split,
                "provenance": render(_provenance(decision, teacher, agreed)),
            }


def _decisions(together: Sequence[Explored], counts: Counter[str]) -> list[_Decision]:
    counts["tasks"] += 1
    found: dict[str, _Decision] = {}
    for explored in together:
        counts["episodes"] += 1
        heard = list(explored.opening)
        for place, step in enumerate(explored.episode.branch.path()):
            counts["decisions"] += 1
            key = render_sorted(without_ids(heard))
            found.setdefault(key, _Decision(explored, place, list(heard)))
            heard += step_messages(step, place)
    return list(found.values())


async def _say(teacher: Policy, decision: _Decision) -> Message | None:
    episode = decision.explored.episode
    seed = derive("teacher", episode.task.id, episode.seed, decision.place)
    try:
        return await teacher(decision.heard, decision.explored.functions, seed=seed)
    except PolicyError:
        return None


def _calls(message: Message) -> list[tuple[str, str]]:
    return [(call.name, call.arguments) for call in message.calls]


def _provenance(decision: _Decision, teacher: Policy, agreed: bool) -> JsonValue:
    episode = decision.explored.episode
    return {
        "run": decision.explored.run,
        "agent": episode.agent,
        "policy": episode.policy,
        "seed": episode.seed,
        "step": episode.branch.numbers()[decision.place],
        "teacher": [teacher.name, teacher.fingerprint],
        "agreed": agreed,
        "fingerprints": dict(sorted(episode.fingerprints.items())),
    }
