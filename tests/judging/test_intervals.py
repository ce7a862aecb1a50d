from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.judging.intervals import wilson


# Published values (Newcombe 1998, table I, method 3).
@pytest.mark.parametrize(
    ("passed", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_agrees_with_published_values(passed: int, total: int, low: float, high: float) -> None:
    assert wilson(passed, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500), st.data(), st.floats(0.5, 0.999))
def test_holds_the_rate_and_mirrors(total: int, data: st.DataObject, confidence: float) -> None:
    passed = data.draw(st.integers(0, total))
    low, high = wilson(passed, total, confidence)
    assert 0 <= low <= passed / total <= high <= 1
    mirrored = wilson(total - passed, total, confidence)
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_covers_about_as_often_as_it_says() -> None:
    total, covered = 40, []
    for percent in range(5, 100, 5):
        rate = percent / 100
        covered.append(
            sum(
                comb(total, k) * rate**k * (1 - rate) ** (total - k)
                for k in range(total + 1)
                if wilson(k, total)[0] <= rate <= wilson(k, total)[1]
            )
        )
    assert sum(covered) / len(covered) == pytest.approx(0.95, abs=0.01)


def test_nothing_is_known_of_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("passed", "total", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)]
)
def test_refuses_what_cannot_be(passed: int, total: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        wilson(passed, total, confidence)
