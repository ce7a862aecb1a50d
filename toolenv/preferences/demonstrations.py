"""Demonstrations: the paths that carried out their tasks, as conversations to imitate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from toolenv.agents.policies.toolllama import OWN_WORDING, ToolLLaMAPrompting, Wording
from toolenv.episodes import Branch
from toolenv.formats.row_columns import Columns
from toolenv.formats.toolbench.training_records import training_records
from toolenv.jsontext import JsonValue, render, render_sorted
from toolenv.preferences.explored import Explored
from toolenv.preferences.lengths import TokenLimit
from toolenv.preferences.pairs import without_ids

__all__ = [
    "SFT_COLUMNS",
    "TOOLBENCH_COLUMNS",
    "Demonstration",
    "demonstrations",
    "sft_rows",
    "toolbench_rows",
]

SFT_COLUMNS: Final[Columns] = {
    "messages": ["json"],
    "tools": "string",
    **dict.fromkeys(("task", "split", "provenance"), "string"),
}

TOOLBENCH_COLUMNS: Final[Columns] = {
    "id": "string",
    "conversations": [{"from": "string", "value": "string"}],
}


class Demonstration(NamedTuple):
    """A path that carried out its task, with what its policy was shown."""

    explored: Explored
    branch: Branch


def demonstrations(
    groups: Iterable[Sequence[Explored]],
    counts: Counter[str],
    *,
    most_per_task: int | None = None,
    giving_up: bool = False,
) -> Iterator[Demonstration]:
    """The successful paths of explored episodes; those that say the same once.

    Args:
        groups: Episodes, those of one task together.
        counts: Where everything is counted.
        most_per_task: Most paths of one task, the shortest first; None for all.
        giving_up: Whether the chosen branch is taken too where it gave up and nothing says that
            this was wrong, as ToolBench's own training data do.
    """
    for together in groups:
        counts["tasks"] += 1
        found: dict[str, Demonstration] = {}
        for explored in together:
            counts["episodes"] += 1
            episode = explored.episode
            branches = [branch for branch in episode.branches() if explored.success(branch)]
            if not branches and giving_up and episode.task.check is None:
                branches = [episode.branch] if episode.branch.ended == "gave_up" else []
            counts["successful paths"] += len(branches)
            for branch in branches:
                said = without_ids(explored.conversation(branch.numbers()))
                key = render_sorted([explored.opening, list(explored.functions), said])
                if found.setdefault(key, Demonstration(explored, branch)).branch is not branch:
                    counts["duplicates left out"] += 1
        kept = sorted(found.values(), key=lambda one: len(one.branch.numbers()))
        counts["tasks with a path"] += bool(kept)
        if most_per_task is not None and len(kept) > most_per_task:
            counts[f"over {most_per_task} of a task left out"] += len(kept) - most_per_task
            kept = kept[:most_per_task]
        yield from kept


def sft_rows(
    found: Iterable[Demonstration], counts: Counter[str], limit: TokenLimit | None = None
) -> Iterator[Mapping[str, object]]:
    """Conversations with their tools, for SFTTrainer with ``assistant_only_loss``.

    Args:
        found: The paths.
        counts: Where those are counted that do not fit.
        limit: Conversations that do not fit are left out, never cut.
    """
    for explored, branch in found:
        messages = [*explored.opening, *explored.conversation(branch.numbers())]
        while messages and messages[-1]["role"] != "assistant":  # what came back for Finish
            messages.pop()
        if limit is not None and not limit.fits(messages, explored.functions):
            counts[f"longer than {limit.longest} tokens left out"] += 1
            continue
        episode = explored.episode
        provenance: JsonValue = {
            "run": explored.run,
            "agent": episode.agent,
            "policy": episode.policy,
            "seed": episode.seed,
            "steps": [*branch.numbers()],
            "origins": [*sorted({answer.origin for _, answer in branch.calls()})],
            "fingerprints": dict(sorted(episode.fingerprints.items())),
        }
        yield {
            "messages": messages,
            "tools": render(list(explored.functions)),
            "task": episode.task.id,
            "split": episode.task.split,
            "provenance": render(provenance),
        }


def toolbench_rows(
    found: Iterable[Demonstration], wording: Wording = OWN_WORDING
) -> Iterator[Mapping[str, object]]:
    """Records in the form of ToolBench's training file, one for each call.

    Args:
        found: The paths.
        wording: The fixed texts of the system message, from the user's own training file.
    """
    prompting = ToolLLaMAPrompting(wording)
    for explored, branch in found:
        yield from training_records(
            branch.path(),
            system=prompting.system(explored.functions),
            user=f"{wording.before_query}{branch.task.instruction}{wording.after_query}",
            query=branch.task.instruction,
        )
