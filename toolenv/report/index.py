"""The list of episodes as the page's script reads it: what can be filtered, sorted and searched.

Names that many rows share are written once and referred to by number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from toolenv.jsontext import JsonValue, render
from toolenv.judging.error_taxonomy import ERROR_KINDS
from toolenv.report.runs import ReportedRun, Row
from toolenv.report.step_states import STATES
from toolenv.report.visible import visible
from toolenv.tasks import Task

__all__ = ["index_data"]


class _Names:
    """Texts by number, in the order in which they were first asked for."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(visible(text), len(self.numbers))

    @property
    def texts(self) -> list[JsonValue]:
        return list(self.numbers)


def index_data(
    runs: Sequence[ReportedRun], rows: Iterable[Row], places: Sequence[tuple[int, int]] = ()
) -> bytes:
    """The list as JSON.

    Args:
        runs: The runs.
        rows: The episodes, in the list's order.
        places: For each row its chunk and its place there, where the page holds the episodes.
    """
    runs_by_name = {run.name: run for run in runs}
    names = {name: _Names() for name in ("runs", "agents", "policies", "splits", "ended", "texts")}
    for run in runs:
        names["runs"](run.name)
    kinds = {kind: number for number, kind in enumerate(ERROR_KINDS)}
    listed: list[JsonValue] = []
    for number, (name, result, errors) in enumerate(rows):
        run = runs_by_name[name]
        task: Task | None = run.folder.tasks.get(result.task)
        cost = result.cost
        row: list[JsonValue] = [
            names["runs"](name),
            visible(result.task),
            names["texts"](task.instruction if task is not None else ""),
            names["agents"](result.agent),
            names["policies"](result.policy),
            result.seed,
            names["splits"](result.split),
            visible(result.outcome),
            names["ended"](result.ended),
            result.reward,
            None if result.answer is None else visible(result.answer),
            [result.steps, result.chosen_steps],
            [cost.policy_calls, cost.api_calls, cost.input_tokens, cost.output_tokens, cost.money],
            {str(kinds[kind]): times for kind, times in errors.items()},
            [[judged, visible(one.decision)] for judged, one in run.verdicts_on(result.key)],
        ]
        if places:
            row += places[number]
        listed.append(row)
    data: Mapping[str, JsonValue] = {
        **{name: found.texts for name, found in names.items()},
        "kinds": [[kind, words] for kind, words in ERROR_KINDS.items()],
        "states": dict(STATES),
        "rows": listed,
    }
    return render(data).encode()
