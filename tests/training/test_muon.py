"""Muon changes the matrices inside a model, each direction alike; AdamW changes all else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.data import Made
from toolenv.training.configuration import Lora, RewardConfiguration, SFTConfiguration
from toolenv.training.supervised import train_on_rows

torch = pytest.importorskip("torch")

RATE = 1e-3


def step(made: Made, out: Path, **settings: Any) -> dict[str, tuple[Any, Any]]:
    """Each weight before and after one step."""
    from safetensors.torch import load_file

    chosen = SFTConfiguration(
        model=str(made.model), data=str(made.demonstrations), max_steps=1, batch_size=2,
        learning_rate=RATE, schedule="constant", optimizer="muon", **settings,
    )  # fmt: skip
    train_on_rows(chosen, out)
    before, after = (
        load_file(made.model / "model.safetensors"),
        load_file(out / "model.safetensors"),
    )
    return {name: (before[name].float(), after[name].float()) for name in after}


def test_a_matrix_is_changed_in_all_directions_alike(made: Made, tmp_path: Path) -> None:
    for name, (before, after) in step(made, tmp_path / "out").items():
        change = (before - after) / RATE
        if change.ndim == 2 and "embed" not in name and "head" not in name:
            reach = torch.linalg.svdvals(change) / (0.2 * max(change.shape) ** 0.5)
            assert reach.median() > 0.6, name  # all but those along which there is no gradient
            assert reach.max() < 1.3, name


def test_embeddings_and_norms_are_changed_as_by_adamw(made: Made, tmp_path: Path) -> None:
    changed = step(made, tmp_path / "out")
    for name in ("model.embed_tokens.weight", "model.norm.weight"):
        before, after = changed[name]
        size = ((before - after) / RATE).abs()
        assert size.max() == pytest.approx(1, abs=0.02), name  # of its first step: the sign alone


def test_what_is_far_from_zero_decays(made: Made, tmp_path: Path) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    before, plain = step(made, tmp_path / "plain")[name]
    _, decayed = step(made, tmp_path / "decayed", weight_decay=0.5)[name]
    torch.testing.assert_close(plain - decayed, before * RATE * 0.5, atol=1e-6, rtol=1e-3)


def test_adapters_and_reward_models_are_trained_by_it_too(made: Made, tmp_path: Path) -> None:
    shared: dict[str, Any] = {
        "model": str(made.model), "max_steps": 2, "batch_size": 2, "optimizer": "muon",
    }  # fmt: skip
    adapter = SFTConfiguration(data=str(made.demonstrations), lora=Lora(rank=2), **shared)
    train_on_rows(adapter, tmp_path / "adapter")
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    train_on_rows(RewardConfiguration(data=str(made.pairs), **shared), tmp_path / "reward")
    assert (tmp_path / "reward" / "model.safetensors").is_file()
