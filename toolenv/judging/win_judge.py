"""The win judge: which of two attempts is better, asked in both orders equally often."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal, TypeAlias

from toolenv import bridge
from toolenv.checks import apply_check
from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue
from toolenv.judging.decision_tree import Decision
from toolenv.judging.judge import Case
from toolenv.judging.judge_model import JudgeModel
from toolenv.judging.judge_prompts import (
    JUDGE_PROMPT,
    LONGEST_ANSWER,
    Prompt,
    ShownOfPairs,
    is_quoted,
    win_prompt,
)
from toolenv.judging.judge_replies import JudgeReply, read_judge_reply
from toolenv.judging.pass_judge import is_answered
from toolenv.judging.verdict_shaped import verdict_shaped
from toolenv.judging.verdicts import Winner, WinVerdict, WinVote, recomputed, win_majority
from toolenv.seeds import derive

__all__ = ["AttemptKey", "WinJudge"]

AttemptKey: TypeAlias = tuple[str, str, str, str, int]
"""The reference's name (empty for a candidate), task, agent, policy and seed."""

_CHOICES = ("first", "second", "tie")
_ORDERS: tuple[tuple[Literal["candidate", "reference"], Literal["candidate", "reference"]], ...] = (
    ("candidate", "reference"),
    ("reference", "candidate"),
)


class WinJudge:
    """Decides which of two attempts at one task is better.

    Where one side alone answered, or a definite check (or, if given, a pass verdict) tells the two
    apart, nobody is asked. Two answers that are equal to the letter, or both missing, are a tie.
    Else ``samples`` votes are taken, half of them in each order; more than half of them win, and
    without such a half it is a tie. A tie is a tie: it counts one half.

    Args:
        model: What is asked.
        samples: How many votes; even, so that both orders are shown equally often.
        passed: Pass verdicts by attempt, of candidates and references: passed against failed wins
            without a vote, as in ToolEval.
        shows: The calls and the answers, or one of the two alone: a control. Where answers are not
            shown, equal ones are no tie.
        longest_answer: Characters of a final answer that are shown.

    Raises:
        ConfigurationError: The number of samples is odd or not positive.
    """

    def __init__(
        self,
        model: JudgeModel,
        *,
        samples: int = 4,
        passed: Mapping[AttemptKey, Decision] | None = None,
        shows: ShownOfPairs = "both",
        longest_answer: int = LONGEST_ANSWER,
    ) -> None:
        if samples < 2 or samples % 2:
            raise ConfigurationError(
                f"{samples} votes cannot be taken in both orders equally often.",
                where="samples",
                fix="Give an even number.",
            )
        self.model = model
        self.samples = samples
        self.passed = dict(passed or {})
        self.shows: ShownOfPairs = shows
        self.longest_answer = longest_answer

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def settings(self) -> dict[str, JsonValue]:
        """What verdicts depend on."""
        passed: list[JsonValue] = [[*key, value] for key, value in sorted(self.passed.items())]
        return {
            "kind": "win",
            **self.model.settings,
            "prompt": JUDGE_PROMPT,
            "samples": self.samples,
            "passed": fingerprint("verdicts", passed) if passed else None,
            "longest_answer": self.longest_answer,
            **({"shows": self.shows} if self.shows != "both" else {}),
        }

    @property
    def fingerprint(self) -> str:
        """A digest of the settings."""
        return fingerprint("judge", self.settings)

    async def judge(self, case: Case, *, seed: int) -> WinVerdict:
        """The verdict on a candidate and a reference."""
        candidate, reference = _attempt(case.candidate), _attempt(case.reference)
        check = ""
        if candidate is not None:
            checked = apply_check(case.task.check, candidate.branch)
            check = "" if checked.decision == "unverifiable" else checked.decision
        about = WinVerdict(
            task=case.task.id,
            agent=case.agent,
            policy=case.policy,
            seed=case.seed,
            split=case.task.split,
            answered=candidate is not None,
            check=check,
            decision="unsure",
            reference=case.reference_name,
            lengths=(_length(candidate), _length(reference)),
        )
        rule, ruled, why = self._ruled(case, candidate, reference, check)
        if rule:
            update = {"rule": rule, "ruled": ruled, "reason": why, "decision": ruled}
            return about.model_copy(update=update)
        assert candidate is not None
        assert reference is not None
        prompts = tuple(
            win_prompt(
                case.task,
                *((candidate, reference) if order == _ORDERS[0] else (reference, candidate)),
                shows=self.shows,
                longest_answer=self.longest_answer,
            )
            for order in _ORDERS
        )
        warnings = tuple(dict.fromkeys(verdict_shaped(prompts[0].shown)))
        makers = [
            partial(self._vote, case, prompts[number % 2], number, seed)
            for number in range(self.samples)
        ]
        votes = tuple(await bridge.gather(makers))
        judged = win_majority([vote.winner for vote in votes], warnings)
        problems = [vote.problem for vote in votes if vote.problem]
        reason = judged.reason
        if judged.decision == "unsure" and problems and not warnings:
            reason = f"{reason}; {problems[0]}"
        found = about.model_copy(update={"votes": votes, "warnings": warnings, "reason": reason})
        return found.model_copy(update={"decision": recomputed(found)})

    def close(self) -> None:
        """Close the model's connections."""
        self.model.close()

    def _ruled(
        self, case: Case, candidate: Episode | None, reference: Episode | None, check: str
    ) -> tuple[str, Winner | Literal[""], str]:
        """The rule that decides without a vote, what it decides, and why; empty for none."""
        if check and reference is not None:
            right = apply_check(case.task.check, reference.branch).decision == "correct"
            if (check == "correct") != right:
                winner: Winner = "candidate" if check == "correct" else "reference"
                return "check", winner, f"the check finds the {winner} alone correct"
        answers = [each is not None and is_answered(each)[0] for each in (candidate, reference)]
        if answers == [False, False]:
            return "answer", "tie", "neither gives an answer"
        if answers[0] != answers[1]:
            winner = "candidate" if answers[0] else "reference"
            return "answer", winner, f"only the {winner} gives an answer"
        assert candidate is not None
        assert reference is not None
        if self.passed:
            mine = self.passed.get(("", case.task.id, case.agent, case.policy, case.seed))
            name, task = case.reference_name, case.task.id
            key = (name, task, reference.agent, reference.policy, reference.seed)
            theirs = self.passed.get(key)
            if {mine, theirs} == {"passed", "failed"}:
                winner = "candidate" if mine == "passed" else "reference"
                return "pass", winner, f"only the {winner} passed"
        if self.shows != "path" and candidate.answer == reference.answer:
            return "equal", "tie", "the answers are equal to the letter"
        return "", "", ""

    async def _vote(self, case: Case, prompt: Prompt, number: int, seed: int) -> WinVote:
        names = (case.task.id, case.agent, case.policy, case.seed, case.reference_name)
        drawn = derive(seed, "win judge", *names, number // 2)  # the same for both orders
        reply, problem = await self.model.ask(prompt, drawn)
        read = JudgeReply(problem=problem) if problem else read_judge_reply(reply, _CHOICES)
        choice: Literal["first", "second", "tie", "unsure"] = "unsure"
        for word in ("first", "second", "tie"):
            if read.answer == word:
                choice = word
        return WinVote(
            shown=_ORDERS[number % 2],
            choice=choice,
            evidence=read.evidence,
            quoted=is_quoted(read.evidence, prompt),
            reason=read.reason,
            problem=read.problem,
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
        )


def _attempt(episode: Episode | None) -> Episode | None:
    """The attempt, where infrastructure did not break it."""
    return None if episode is None or episode.ended.startswith("error:") else episode


def _length(episode: Episode | None) -> int:
    return len((episode.answer if episode is not None else None) or "")
