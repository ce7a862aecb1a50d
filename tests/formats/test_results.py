"""ToolEval's results: read, and written as they were."""

import json
from pathlib import Path

import pytest

from toolenv.errors import FormatError
from toolenv.formats import (
    PassResult,
    read_pass_results,
    read_pass_table,
    read_preference_results,
    read_preference_table,
    write_pass_results,
    write_pass_table,
    write_preference_results,
    write_preference_table,
)

SOLVED = {0: "Solved", 2: "Unsolved", 1: "Unsure"}
RESULT = PassResult("5", "q\tu\n", ("f", "Finish"), 'Step 1: "x"', "Final step: 'y'", SOLVED)


def test_published_pass_rates_are_written_as_they_were(data: Path, tmp_path: Path) -> None:
    folder = data / "stabletoolbench/pass_rate_results"
    files = sorted(folder.glob("*/*.json"))
    assert len(files) == 2
    for path in files:
        results = read_pass_results(path)
        write_pass_results(results, tmp_path / path.name)
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
        table = path.with_suffix(".csv")
        rows = read_pass_table(table)
        write_pass_table(rows, tmp_path / table.name)
        assert (tmp_path / table.name).read_bytes() == table.read_bytes()
        by_id = {row.query_id: row for row in rows}
        for result in results:
            assert by_id[result.query_id]._replace(model="") == result
            assert set(result.is_solved) == {0, 1, 2}
            assert set(result.is_solved.values()) <= {"Solved", "Unsolved", "Unsure"}


def test_published_preferences_are_written_as_they_were(data: Path, tmp_path: Path) -> None:
    (path,) = (data / "stabletoolbench/preference_results").glob("*.json")
    results = read_preference_results(path)
    assert [(r.query_id, sum(r.wins.values()), len(r.rounds)) for r in results] == [
        ("588", 3, 3),
        ("608", 3, 3),
        ("1073", 3, 3),
    ]
    write_preference_results(results, tmp_path / path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    table = path.with_suffix(".csv")
    rows = read_preference_table(table)
    assert {row["preference_label"] for row in rows} <= {"1", "2", "3"}
    write_preference_table(rows, tmp_path / table.name)
    assert (tmp_path / table.name).read_bytes() == table.read_bytes()


def test_results_of_any_text_survive_both_forms(tmp_path: Path) -> None:
    write_pass_results([RESULT], tmp_path / "r.json")
    assert read_pass_results(tmp_path / "r.json") == [RESULT]
    named = RESULT._replace(model="m", answer_steps="x" * 200_000)
    write_pass_table([named], tmp_path / "r.csv")
    assert read_pass_table(tmp_path / "r.csv") == [named]
    assert "{0: 'AnswerStatus.Solved', 2:" in (tmp_path / "r.csv").read_text()


def test_names_may_be_the_text_of_a_list(tmp_path: Path) -> None:
    write_pass_results([RESULT], tmp_path / "r.json")
    value = json.loads((tmp_path / "r.json").read_text())
    value["5"]["tool_names"] = "['f', 'Finish']"
    (tmp_path / "r.json").write_text(json.dumps(value))
    assert read_pass_results(tmp_path / "r.json") == [RESULT]


@pytest.mark.parametrize(
    "text", ["[]", '{"5": {}}', '{"5": {"is_solved": {"0": 1}}}', "query\tquery_id\nq\t5\n", ""]
)
def test_malformed_results_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    for read in (read_pass_results, read_pass_table, read_preference_table):
        with pytest.raises(FormatError, match=r"r\.json"):
            read(path)


def test_a_table_row_is_never_evaluated(tmp_path: Path) -> None:
    write_pass_table([RESULT], tmp_path / "r.csv")
    text = (tmp_path / "r.csv").read_text().replace("{0: 'AnswerStatus.Solved'", "{0: exit()")
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(FormatError, match="is_solved"):
        read_pass_table(tmp_path / "r.csv")
    (tmp_path / "p.json").write_text('{"5": {"ref": "many"}}')
    with pytest.raises(FormatError, match=r"\['5'\]\.ref"):
        read_preference_results(tmp_path / "p.json")
