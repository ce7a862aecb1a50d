"""Labels are short, and two things never have the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolenv.report.labels import labels

_PART = st.text("ab:/?&= ", max_size=12)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["openai:gpt-4o"], ["openai:gpt-4o"]),
        (["openai:org/qwen3-32b?base_url=http://127.0.0.1:9/v1"], ["qwen3-32b"]),
        (
            ["transformers:a/seed-0/models/sft", "transformers:a/seed-1/models/sft"],
            ["seed-0/models/sft", "seed-1/models/sft"],
        ),
        (["transformers:trained/sft/", "local:modules.of:sft"], ["trained/sft", "modules.of:sft"]),
        (["transformers:models/sft", "sft"], ["models/sft", "sft"]),
        (
            ["dfsdt?breadth=3&siblings=hidden", "dfsdt?breadth=2&siblings=hidden", "dfsdt"],
            ["dfsdt breadth=3 siblings=hidden", "dfsdt breadth=2 siblings=hidden", "dfsdt"],
        ),
    ],
)
def test_labels_are_the_ends_that_tell_apart(names: list[str], expected: list[str]) -> None:
    assert [*labels(names).values()] == expected


@given(st.lists(st.builds("{}long enough to be cut{}".format, _PART, _PART), max_size=6))
@settings(deadline=None)
def test_different_things_have_different_labels(names: list[str]) -> None:
    found = labels(names)
    assert set(found) == set(names)
    assert len(set(found.values())) == len(found)
