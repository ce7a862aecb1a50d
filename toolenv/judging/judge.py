"""What every judge is: it looks at a case and gives a verdict."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeVar

from toolenv.episodes import Episode
from toolenv.jsontext import JsonValue
from toolenv.judging.verdicts import PassVerdict, WinVerdict
from toolenv.tasks import Task

__all__ = ["Case", "Judge"]

V_co = TypeVar("V_co", bound=PassVerdict | WinVerdict, covariant=True)


class Case(NamedTuple):
    """What is judged: an attempt at a task, and another one where two are compared.

    Args:
        task: The task.
        agent: What explored, by name.
        policy: What decided, by name.
        seed: The seed of the attempt.
        candidate: The attempt; None where there is none, which is a failed one.
        reference: What it is compared with; None where there is none.
        reference_name: The reference's name.
    """

    task: Task
    agent: str = ""
    policy: str = ""
    seed: int = 0
    candidate: Episode | None = None
    reference: Episode | None = None
    reference_name: str = ""


class Judge(Protocol[V_co]):
    """A judge of any kind: one model, a jury, a checklist, a person.

    It never raises for what a model or an episode does: such a vote is ``unsure``, with the reason.
    """

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def settings(self) -> dict[str, JsonValue]:
        """What its verdicts depend on; written beside them, without keys."""
        ...

    @property
    def fingerprint(self) -> str:
        """A digest of the settings."""
        ...

    async def judge(self, case: Case, *, seed: int) -> V_co:
        """The verdict on a case.

        Args:
            case: What is judged.
            seed: What all sampling derives from, together with the names in the case.
        """
        ...

    def close(self) -> None:
        """Release connections; closing twice is harmless."""
        ...
