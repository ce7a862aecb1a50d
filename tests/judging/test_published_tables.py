from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judging import published_figures as published
from toolenv.judging.published_tables import TableRow, table_leniency, wrong_averages


def cells(rows: list[TableRow]) -> dict[str, tuple[str, ...]]:
    return {row.name: row.cells for row in rows}


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        (published.PASS_RATE, {}),
        (published.WIN_RATE, {}),
        (published.SOPR, {}),
        (published.SOWR, {"dfs/ToolLLaMA": "46.067"}),
        (
            published.MIRROR,
            {
                "cot/ToolLLaMA": "23.550",
                "dfs/ToolLLaMA": "23.950",
                "cot/4o-mini": "27.417",
                "dfs/4o-mini": "28.017",
                "dfs/4o": "32.283",
            },
        ),
        (published.FAC, {}),
        (published.JUDGE_PASS, {}),
        (published.PEOPLE_PASS, {}),
        (published.JUDGE_WIN, {}),
        (published.PEOPLE_WIN, {}),
        (published.REFERENCE_DFSDT, {}),
        (published.THREE_SPLITS, {}),
    ],
    ids=[
        "pass",
        "win",
        "sopr",
        "sowr",
        "mirror",
        "fac",
        "judge",
        "people",
        "judge-win",
        "people-win",
        "dfsdt",
        "splits",
    ],
)
def test_printed_averages_that_do_not_follow_are_named(
    rows: list[TableRow], wrong: dict[str, str]
) -> None:
    assert {one.name: str(one.mean) for one in wrong_averages(rows)} == wrong


def test_the_judge_is_too_kind_most_of_all_on_several_tools() -> None:
    found = table_leniency(
        cells(published.JUDGE_PASS), cells(published.PEOPLE_PASS), published.SPLITS
    )
    assert {split: round(value, 1) for split, value in found.by_split.items()} == {
        "I1-inst": -0.8,
        "I1-tool": 2.5,
        "I1-cat": 0.8,
        "I2-inst": 3.2,
        "I2-cat": 4.0,
        "I3-inst": 9.7,
    }
    assert {name: round(value, 2) for name, value in found.by_row.items()} == {
        "ChatGPT": 4.25,
        "ToolLLaMA": 2.33,
        "GPT4": 3.08,
    }
    assert found.overall == pytest.approx(3.22, abs=0.005)
    assert found.apart == pytest.approx(4.61, abs=0.005) and found.farthest == 10
    wins = table_leniency(cells(published.JUDGE_WIN), cells(published.PEOPLE_WIN), published.SPLITS)
    assert wins.apart == pytest.approx(3.25, abs=0.05) and wins.farthest == 5.5


@given(
    st.lists(st.decimals(0, 100, places=1), min_size=1, max_size=8),
    st.decimals("-3", "3", places=1),
)
def test_rounding_alone_is_never_called_wrong(values: list[object], off: object) -> None:
    row = TableRow("row", tuple(map(str, values)))
    right = row._replace(average=str(row.mean.quantize(row.tolerance)))
    assert wrong_averages([right]) == []
    far = row._replace(average=str(right.mean.quantize(row.tolerance) + 1))
    assert [one.name for one in wrong_averages([far])] == ["row"]


def test_a_whole_figure_beside_decimals_has_decimals() -> None:
    assert str(TableRow("row", ("5.5", "6"), "6").tolerance) == "0.10"
    assert wrong_averages([TableRow("row", ("5.5", "6"), "6")])
    assert not wrong_averages([TableRow("row", ("5", "6"), "6")])


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="no cells"):
        wrong_averages([TableRow("row", (), "6")])
    with pytest.raises(ValueError, match="rows differ"):
        table_leniency({"a": ("1",)}, {"b": ("1",)}, ("s",))
    with pytest.raises(ValueError, match="2 columns"):
        table_leniency({"a": ("1",)}, {"a": ("1",)}, ("s", "t"))
