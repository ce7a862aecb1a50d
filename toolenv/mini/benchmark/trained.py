"""The policies that were trained on MiniToolBench-v1 and come with the package."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, get_args

from toolenv.agents.policies import TransformersPolicy
from toolenv.errors import ConfigurationError

__all__ = ["STAGES", "TRAINED", "Stage", "trained_policy"]

Stage = Literal["sft", "dpo"]
"""``sft``: imitation of an expert; ``dpo``: preferences from its own trees and attempts."""

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)

TRAINED: Final = Path(__file__).with_name("trained")
"""The folder of their files: one for each stage, a card, and the digests of all."""


def trained_policy(
    stage: Stage = "dpo",
    *,
    temperature: float = 0.7,
    max_new_tokens: int = 96,
    batch_size: int = 16,
    device: str = "cpu",
) -> TransformersPolicy:
    """A policy of a million parameters, trained from nothing on MiniToolBench-v1's training tasks.

    What it is, how it was made and what it reaches: ``toolenv/mini/benchmark/trained/README.md``.

    Args:
        stage: Which training: ``sft`` or ``dpo``.
        temperature: How tokens are drawn; 0 takes the likeliest, and then every sibling of a search
            is the same.
        max_new_tokens: Most tokens of a message.
        batch_size: Most requests that are answered together.
        device: Where it runs: ``cpu``, ``cuda`` and others of ``TransformersPolicy``.

    Raises:
        ConfigurationError: torch or transformers is not installed, there is no such stage, or the
            files are absent or changed.
    """
    if stage not in STAGES:
        raise ConfigurationError(
            f"There is no stage {stage!r}.", where="stage", fix=f"Use {' or '.join(STAGES)}."
        )
    for library in ("torch", "transformers"):
        if find_spec(library) is None:
            raise ConfigurationError(
                f"The trained policies need {library}, which is not installed.",
                fix="pip install 'toolenv[local]'",
            )
    _verify(stage)
    policy = TransformersPolicy(
        TRAINED / stage,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        device=device,
    )
    policy.name = f"trained-{stage}"
    return policy


def _verify(stage: Stage) -> None:
    """Refuse files that are not those that were shipped."""
    sums = TRAINED / "SHA256SUMS"
    if not sums.is_file():
        raise ConfigurationError(
            "The trained policies are not here.",
            where=str(TRAINED),
            fix="Install toolenv again; or train them: docs/policies-small.md.",
        )
    for line in sums.read_text().splitlines():
        digest, _, name = line.partition("  ")
        if not name.startswith(f"{stage}/"):
            continue
        file = TRAINED / name
        found = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
        if found != digest:
            raise ConfigurationError(
                "The file is absent." if found is None else "The file is not what was shipped.",
                where=str(file),
                fix="Install toolenv again.",
            )
