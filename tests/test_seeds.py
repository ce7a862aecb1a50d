"""Derived seeds and fingerprints: the same everywhere, and different wherever anything differs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.fingerprint import fingerprint
from toolenv.seeds import derive

PARTS = st.lists(st.integers() | st.text(st.characters(exclude_categories=())))


def test_seeds_are_the_same_on_every_machine_and_for_ever() -> None:
    assert derive() == 8238016292129134938
    assert derive(7, "I1-inst-1") == 1441326863198482511
    assert derive(0, "é\ud800") == derive(0, "é\ud800")


@given(PARTS)
def test_seeds_fit_a_signed_integer(parts: list[int | str]) -> None:
    assert 0 <= derive(*parts) < 2**63
    assert derive(*parts) == derive(*parts)


@given(PARTS, PARTS)
def test_different_parts_give_different_seeds(one: list[int | str], other: list[int | str]) -> None:
    assert (derive(*one) == derive(*other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [((1,), ("1",)), (("a", "b"), ("ab",)), (("a", ""), ("a",)), ((1, 2), (2, 1)), ((12,), (1, 2))],
)
def test_order_type_and_borders_matter(
    one: tuple[int | str, ...], other: tuple[int | str, ...]
) -> None:
    assert derive(*one) != derive(*other)


def test_numpys_integers_are_integers() -> None:
    assert derive(np.int64(7), "x") == derive(7, "x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float"):
        derive(7.0)  # type: ignore[arg-type]


def test_neither_depends_on_the_processs_hash_seed() -> None:
    program = (
        "from toolenv.seeds import derive; from toolenv.fingerprint import fingerprint\n"
        "print(derive('x', 1), fingerprint('agent', {'b': [1.5, None], 'a': 'é'}))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    expected = f"{derive('x', 1)} {fingerprint('agent', {'a': 'é', 'b': [1.5, None]})}\n"
    assert said == {expected}


def test_a_fingerprint_names_its_kind() -> None:
    kind, _, digest = fingerprint("environment", {"tasks": []}).partition("-")
    assert kind == "environment"
    assert len(digest) == 16
    assert int(digest, 16) >= 0


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.text())
def test_a_fingerprint_tells_values_and_kinds_apart(value: dict[str, int | str], more: str) -> None:
    turned = dict(reversed(value.items()))
    assert fingerprint("agent", value) == fingerprint("agent", turned)
    assert fingerprint("agent", value) != fingerprint("judge", value)
    assert fingerprint("agent", value) != fingerprint("agent", {**value, "more": [more]})
