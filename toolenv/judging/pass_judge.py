"""The pass judge: several walks through a decision tree, and their majority."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal, TypeAlias

from toolenv import bridge
from toolenv.chat import ChatReply
from toolenv.checks import apply_check
from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue
from toolenv.judging.decision_tree import TOOLEVAL, DecisionTree, Question
from toolenv.judging.judge import Case
from toolenv.judging.judge_model import JudgeModel
from toolenv.judging.judge_prompts import JUDGE_PROMPT, Prompt, is_quoted, pass_prompt
from toolenv.judging.judge_replies import JudgeReply, read_judge_reply, read_status_word
from toolenv.judging.verdict_shaped import verdict_shaped
from toolenv.judging.verdicts import PassVerdict, PassVote, PathStep, majority, recomputed
from toolenv.seeds import derive

__all__ = ["PassJudge", "is_answered", "is_finished"]

_Reading: TypeAlias = Literal["object", "status word"]


class PassJudge:
    """Decides whether attempts carry out their tasks.

    A task with a definite check is decided by the check. All others, and those as well where
    ``also_checked`` asks for it, are walked through the tree ``samples`` times; more than half of
    the walks decide, and without such a half the verdict is ``unsure``.

    Args:
        model: What is asked.
        tree: The decision tree.
        samples: How many walks.
        also_checked: Also ask about tasks that a check decides, to measure the judge.
        reading: How replies are read: as the object that the prompt asks for, or by the first
            status word, as StableToolBench's final answer correctness is.

    Raises:
        ConfigurationError: No walk is asked for.
    """

    def __init__(
        self,
        model: JudgeModel,
        *,
        tree: DecisionTree = TOOLEVAL,
        samples: int = 4,
        also_checked: bool = False,
        reading: _Reading = "object",
    ) -> None:
        if samples < 1:
            raise ConfigurationError("A judge needs at least one sample.", where="samples")
        self.model = model
        self.tree = tree
        self.samples = samples
        self.also_checked = also_checked
        self.reading: _Reading = reading

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def settings(self) -> dict[str, JsonValue]:
        """What verdicts depend on."""
        return {
            "kind": "pass",
            **self.model.settings,
            "tree": self.tree.name,
            "tree_fingerprint": self.tree.fingerprint,
            "prompt": JUDGE_PROMPT,
            "samples": self.samples,
            "also_checked": self.also_checked,
            "reading": self.reading,
        }

    @property
    def fingerprint(self) -> str:
        """A digest of the settings."""
        return fingerprint("judge", self.settings)

    async def judge(self, case: Case, *, seed: int) -> PassVerdict:
        """The verdict on an attempt; ``case.reference`` plays no part."""
        task, episode = case.task, case.candidate
        answered = episode is not None and not episode.ended.startswith("error:")
        about = PassVerdict(
            task=task.id,
            agent=case.agent,
            policy=case.policy,
            seed=case.seed,
            split=task.split,
            answered=answered,
            decision="failed",
            tree=self.tree.name,
        )
        if episode is None or not answered:
            ended = "there is no attempt" if episode is None else f"it ended: {episode.ended}"
            vote = self._unanswered(ended)
            return about.model_copy(update={"reason": ended, "votes": (vote,)})
        checked = apply_check(task.check, episode.branch)
        check = "" if checked.decision == "unverifiable" else checked.decision
        if check and not self.also_checked:
            found = about.model_copy(update={"check": check, "reason": checked.reason})
            return found.model_copy(update={"decision": recomputed(found)})
        walks = _Walks(self, case, episode, seed)
        votes = await walks.votes()
        judged = majority([vote.decision for vote in votes], "unsure")
        reason = walks.warnings[0] if walks.warnings else judged.reason
        problems = [vote.problem for vote in votes if vote.problem]
        if judged.decision == "unsure" and problems and not walks.warnings:
            reason = f"{reason}; {problems[0]}"
        found = about.model_copy(
            update={
                "check": check,
                "votes": votes,
                "warnings": tuple(walks.warnings),
                "reason": checked.reason if check else reason,
            }
        )
        return found.model_copy(update={"decision": recomputed(found)})

    def close(self) -> None:
        """Close the model's connections."""
        self.model.close()

    def _unanswered(self, why: str) -> PassVote:
        """A walk that asks nobody: every fact is no, and what remains is not solved."""
        path: list[PathStep] = []
        at = self.tree.root
        while at not in self.tree.leaves:
            leads = self.tree.questions[at].leads
            answer = next(word for word in ("no", "solvable", "unsolved") if word in leads)
            path.append(PathStep(node=at, answer=answer, evidence=why))
            at = leads[answer]
        return PassVote(path=tuple(path), decision=self.tree.leaves[at].decision)


class _Walks:
    """The walks through the tree for one attempt; what is shown is made once for all of them."""

    def __init__(self, judge: PassJudge, case: Case, episode: Episode, seed: int) -> None:
        self.judge = judge
        self.case = case
        self.episode = episode
        self.seed = seed
        self.warnings: list[str] = []
        self._prompts: dict[str, Prompt] = {}
        self._warned: dict[str, list[str]] = {}

    async def votes(self) -> tuple[PassVote, ...]:
        first = self._begin()
        at = self.judge.tree.walk(first)
        if leaf := self.judge.tree.leaves.get(at):  # facts alone decide: nothing to sample
            return (PassVote(path=tuple(first), decision=leaf.decision),)
        makers = [partial(self._walk, first, at, number) for number in range(self.judge.samples)]
        found = await bridge.gather(makers)
        self.warnings = list(dict.fromkeys(w for _, warnings in found for w in warnings))
        return tuple(vote for vote, _ in found)

    def _begin(self) -> list[PathStep]:
        """The facts at the root, which all walks share."""
        tree, path = self.judge.tree, list[PathStep]()
        at = tree.root
        while at in tree.questions and tree.questions[at].shows == "nothing":
            holds, evidence = _FACTS[at](self.episode)
            path.append(PathStep(node=at, answer="yes" if holds else "no", evidence=evidence))
            at = tree.questions[at].leads[path[-1].answer]
        return path

    async def _walk(
        self, first: list[PathStep], at: str, number: int
    ) -> tuple[PassVote, list[str]]:
        tree, path = self.judge.tree, list(first)
        warnings: list[str] = []
        used = [0, 0]
        while at not in tree.leaves:
            question = tree.questions[at]
            prompt = self._prompt(at, question)
            warnings += self._warned[at]
            case = self.case
            place = (case.task.id, case.agent, case.policy, case.seed)
            seed = derive(self.seed, "pass judge", *place, number, at)
            reply, problem = await self.judge.model.ask(prompt, seed)
            used = [used[0] + reply.usage.input_tokens, used[1] + reply.usage.output_tokens]
            read = JudgeReply(problem=problem) if problem else self._read(reply, question)
            if read.problem:
                vote = PassVote(path=tuple(path), decision="unsure", problem=read.problem)
                break
            path.append(
                PathStep(
                    node=at,
                    answer=read.answer,
                    evidence=read.evidence,
                    quoted=is_quoted(read.evidence, prompt),
                    reason=read.reason,
                )
            )
            at = question.leads[read.answer]
        else:
            vote = PassVote(path=tuple(path), decision=tree.leaves[at].decision)
        return replace(vote, input_tokens=used[0], output_tokens=used[1]), warnings

    def _read(self, reply: ChatReply, question: Question) -> JudgeReply:
        if self.judge.reading == "object":
            return read_judge_reply(reply, question.leads)
        return read_status_word(reply)

    def _prompt(self, at: str, question: Question) -> Prompt:
        if at not in self._prompts:
            prompt = pass_prompt(self.case.task, self.episode, question)
            self._prompts[at] = prompt
            self._warned[at] = verdict_shaped(prompt.shown)
        return self._prompts[at]


def is_finished(episode: Episode) -> tuple[bool, str]:
    """Whether an attempt ended by calling Finish, and how it ended."""
    ended = episode.branch.ended
    return ended in ("answer", "gave_up"), f"it ended: {ended or 'not at all'}"


def is_answered(episode: Episode) -> tuple[bool, str]:
    """Whether an attempt gave an answer that is not empty, and what it gave."""
    answer = episode.answer
    if answer is None:
        return False, f"no answer; it ended: {episode.branch.ended or 'not at all'}"
    return bool(answer.strip()), "an answer" if answer.strip() else "the answer is empty"


_FACTS: dict[str, Callable[[Episode], tuple[bool, str]]] = {
    "finished": is_finished,
    "answered": is_answered,
}
