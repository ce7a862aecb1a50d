"""Our verdicts as the results that ToolBench's and StableToolBench's evaluators write.

Their files are written by ``toolenv.formats``; what their fields mean is said there. Attempts that
were never made are left out, as in their files.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from toolenv.apis import FINISH
from toolenv.episodes import Episode
from toolenv.formats import PassResult, PreferenceResult
from toolenv.formats.toolbench.pass_results import ToolBenchPassResult
from toolenv.jsontext import JsonValue
from toolenv.judging.compatibility import Defect
from toolenv.judging.grounding import ground
from toolenv.judging.verdicts import PassVerdict, PassVote, WinVerdict
from toolenv.seeds import derive

__all__ = [
    "fac_rows",
    "pass_results",
    "pass_rounds",
    "preference_results",
    "preference_rows",
    "toolbench_pass_results",
    "toolbench_pass_rows",
]

_WORDS: Final = {"solved": "Solved", "unsolved": "Unsolved", "unsure": "Unsure"}
_SOLVABLE: Final = {"solvable": "Solvable", "unsolvable": "Unsolvable", "unsure": "Unsure"}
_LABELS: Final = {"reference": "1", "candidate": "2", "tie": "3", "unsure": "3"}


def pass_rounds(verdicts: Sequence[PassVerdict]) -> list[PassResult]:
    """Our verdicts as StableToolBench's results, one round per vote, without the steps.

    Args:
        verdicts: Of one agent, policy and seed. Those on tasks without an attempt are left out, as
            their files do; give ``sopr`` the test set.
    """
    found: list[PassResult] = []
    for verdict in verdicts:
        if verdict.answered:
            words = [_status(verdict, vote) for vote in verdict.votes]
            if verdict.check or not words:
                word = "Solved" if verdict.decision == "passed" else "Unsolved"
                words = [word] * max(1, len(words))
            solved = dict(enumerate(words))
            found.append(PassResult(verdict.task, "", (), "", "", solved))
    rounds = max((len(result.is_solved) for result in found), default=0)
    return [_filled(result, rounds) for result in found]


def pass_results(
    verdicts: Sequence[PassVerdict], episodes: Mapping[str, Episode], model: str
) -> list[PassResult]:
    """Our verdicts as StableToolBench's results, with the steps as their evaluator sees them.

    Args:
        verdicts: Of one agent, policy and seed.
        episodes: The attempts by task.
        model: Who answered.
    """
    found: list[PassResult] = []
    for result in pass_rounds(verdicts):
        episode = episodes[result.query_id]
        steps, final = _steps(episode)
        found.append(
            result._replace(
                query=episode.task.instruction,
                tool_names=tuple(map(str, _offered(episode))),
                answer_steps=steps,
                final_step=final,
                model=model,
            )
        )
    return found


def preference_results(
    verdicts: Sequence[WinVerdict], reference: str, candidate: str, *, rounds: int = 4
) -> list[PreferenceResult]:
    """Our verdicts as their preferences, one round per vote; a rule decides every round.

    Args:
        verdicts: Of one candidate and one reference.
        reference: The reference's name.
        candidate: The candidate's name.
        rounds: The rounds of a pair that a rule decided.
    """
    found: list[PreferenceResult] = []
    for verdict in verdicts:
        winners = [vote.winner for vote in verdict.votes] or [verdict.decision] * rounds
        wins = {reference: winners.count("reference"), candidate: winners.count("candidate")}
        states = dict.fromkeys(range(len(winners)), "complete")
        found.append(PreferenceResult(verdict.task, wins, states))
    return found


def toolbench_pass_results(
    verdicts: Sequence[PassVerdict],
    episodes: Mapping[str, Episode] | None = None,
    *,
    defects: Collection[Defect] = (),
    seed: int = 0,
) -> list[ToolBenchPassResult]:
    """Our verdicts as ToolBench's counts of rounds; an unsure round is neither passed nor failed.

    Args:
        verdicts: Of one agent, policy and seed.
        episodes: The attempts by task, for the fields that tell of them; None for the counts alone.
        defects: ``unsure is a coin`` tosses a coin for each unsure round.
        seed: What the coins derive from.
    """
    found: list[ToolBenchPassResult] = []
    for verdict in verdicts:
        if not verdict.answered:
            continue
        words: list[str] = [vote.decision for vote in verdict.votes] or [verdict.decision]
        if verdict.check:
            words = [verdict.decision] * len(words)
        if "unsure is a coin" in defects:
            coin = random.Random(derive(seed, "coin", verdict.task))
            words = [coin.choice(("passed", "failed")) if w == "unsure" else w for w in words]
        about: dict[str, JsonValue] = {}
        if episodes is not None:
            about = _about(verdict, episodes[verdict.task])
        about["reason"] = verdict.reason
        passed, failed = words.count("passed"), words.count("failed")
        found.append(ToolBenchPassResult(verdict.task, passed, failed, about))
    return found


def toolbench_pass_rows(results: Sequence[ToolBenchPassResult], model: str) -> list[dict[str, str]]:
    """The same as rows of ToolBench's table.

    Args:
        results: With the fields that tell of the attempts.
        model: Who answered.
    """
    return [
        {
            "query": str(one.about["query"]),
            "solvable": str(one.about["task_solvable"]),
            "available_tools": repr(one.about["tool_names"]),
            "model_intermediate_steps": str(one.about["answer_steps"]),
            "model_final_step": str(one.about["final_step"]),
            "model": model,
            "query_id": one.query_id,
            "is_solved": str(one.about["is_solved"]),
            "pass_rate_label": "passed" if one.passed > one.failed else "failed",
            "reason": str(one.about["reason"]),
            "not_hallucinate": str(one.about["not_hallucinate"]),
        }
        for one in results
    ]


def preference_rows(
    verdicts: Sequence[WinVerdict],
    reference: str,
    candidate: str,
    references: Mapping[str, Episode],
    candidates: Mapping[str, Episode],
    *,
    rounds: int = 4,
) -> list[dict[str, str]]:
    """Our verdicts as rows of their table of preferences, one per query and round.

    Args:
        verdicts: Of one candidate and one reference.
        reference: The reference's name.
        candidate: The candidate's name.
        references: The reference's attempts by task; a pair without both is left out.
        candidates: The candidate's attempts by task.
        rounds: The rounds of a pair that a rule decided.
    """
    found: list[dict[str, str]] = []
    for verdict in verdicts:
        theirs, mine = references.get(verdict.task), candidates.get(verdict.task)
        if theirs is None or mine is None:
            continue
        (their_steps, their_last), (my_steps, my_last) = _steps(theirs), _steps(mine)
        row = {
            "query": mine.task.instruction,
            "available_tools": repr(_offered(mine)),
            "ref_model_intermediate_steps": their_steps,
            "ref_model_final_step": their_last,
            "output_model_intermediate_steps": my_steps,
            "output_model_final_step": my_last,
            "query_id": verdict.task,
            "ref_model": reference,
            "output_model": candidate,
        }
        winners = [vote.winner for vote in verdict.votes] or [verdict.decision] * rounds
        found += [{**row, "preference_label": _LABELS[winner]} for winner in winners]
    return found


def fac_rows(
    verdicts: Sequence[PassVerdict], episodes: Mapping[str, Episode]
) -> list[dict[str, str]]:
    """Our verdicts as rows of final answer correctness; the prompt is not kept with verdicts."""
    return [
        {
            "query": episodes[one.query_id].task.instruction,
            "final_answer": episodes[one.query_id].answer or "",
            "evaluation": one.is_solved[min(one.is_solved)],
            "prompt": "",
        }
        for one in pass_rounds(verdicts)
    ]


def _about(verdict: PassVerdict, episode: Episode) -> dict[str, JsonValue]:
    """The fields of ToolBench's results that tell of the attempt, from the last vote."""
    steps, final = _steps(episode)
    path = verdict.votes[-1].path if verdict.votes else ()
    solvable = [_SOLVABLE[one.answer] for one in path if one.node.startswith("solvable")]
    status = _status(verdict, verdict.votes[-1]) if verdict.votes else ""
    if verdict.check:
        status = "Solved" if verdict.decision == "passed" else "Unsolved"
    grounded = ground(episode.branch)
    return {
        "query": episode.task.instruction,
        "task_solvable": f"TaskStatus.{solvable[-1] if solvable else 'Unsure'}",
        "tool_names": _offered(episode),
        "answer_steps": steps,
        "final_step": final,
        "is_solved": f"AnswerStatus.{status or 'Unsure'}",
        "not_hallucinate": grounded is None or not grounded.unsupported,
    }


def _offered(episode: Episode) -> list[JsonValue]:
    return [*episode.task.named_apis, FINISH]


def _filled(result: PassResult, rounds: int) -> PassResult:
    """What nobody was asked about has the same status in every round."""
    if len(result.is_solved) == 1:
        return result._replace(is_solved=dict.fromkeys(range(rounds), result.is_solved[0]))
    return result


def _status(verdict: PassVerdict, vote: PassVote) -> str:
    """The last status on a path as their word; without one, the attempt gave no answer."""
    if verdict.warnings or vote.problem:
        return "Unsure"
    statuses = [_WORDS[step.answer] for step in vote.path if step.answer in _WORDS]
    asked = [step for step in vote.path if step.node in ("answer_solves", "path_solves")]
    return statuses[len(asked) - 1] if asked else "Unsolved"


def _steps(episode: Episode) -> tuple[str, str]:
    """An attempt as their evaluator sees it: Python reprs, one step a line."""
    messages: list[str] = []
    for step in episode.branch.path():
        for call, response in zip(step.calls, step.responses, strict=False):
            shown = "" if call.function == FINISH else response.text
            said = {"name": call.function, "arguments": call.text, "response": shown}
            messages.append(repr(said))
        if not step.calls:
            messages.append(step.message.content)
    lines = [f"Step {number}: {text}" for number, text in enumerate(messages, 1)]
    return "\n".join(lines), f"Final step: {messages[-1] if messages else ''}"
