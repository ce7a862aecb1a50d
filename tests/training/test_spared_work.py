"""Work that changes nothing is not done: the loss and what is learned stay the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.data import Made
from toolenv.training.configuration import DPOConfiguration, SFTConfiguration
from toolenv.training.spared_work import spared_work
from toolenv.training.supervised import dpo_trainer, sft_trainer


def sft(made: Made, out: Path) -> Any:
    chosen = SFTConfiguration(model=str(made.model), data=str(made.demonstrations))
    return sft_trainer(chosen, out)[0]


def dpo(made: Made, out: Path) -> Any:
    return dpo_trainer(DPOConfiguration(model=str(made.model), data=str(made.pairs)), out)[0]


def learned(trainer: Any, batch: dict[str, Any], *, spared: bool) -> tuple[float, Any, list[int]]:
    """The loss of a batch, its gradients, and how many positions the head scored."""
    scored: list[int] = []
    before = torch.mm

    def counted(left: Any, right: Any, **named: Any) -> Any:
        scored.append(len(left))
        return before(left, right, **named)

    models = trainer.model, getattr(trainer, "ref_model", None)
    trainer.model.zero_grad()
    torch.mm = counted
    try:
        with spared_work(*models) if spared else nullcontext():
            loss = trainer.compute_loss(trainer.model, dict(batch))
    finally:
        torch.mm = before
    loss.backward()
    gradients = [one.grad.clone() for one in trainer.model.parameters() if one.grad is not None]
    return loss.item(), gradients, scored


@pytest.mark.parametrize("made_by", [sft, dpo])
def test_a_step_learns_the_same_with_less_work(
    made: Made, tmp_path: Path, made_by: Callable[[Made, Path], Any]
) -> None:
    trainer = made_by(made, tmp_path)
    trainer.model.train()
    batch = next(iter(trainer.get_train_dataloader()))
    assert (batch["attention_mask"] == 0).any()

    whole, gradients, all_positions = learned(trainer, batch, spared=False)
    spared, same_gradients, some = learned(trainer, batch, spared=True)
    again, _, as_before = learned(trainer, batch, spared=False)

    assert spared == pytest.approx(whole, rel=1e-4)
    assert again == pytest.approx(whole, rel=1e-6)
    for one, other in zip(gradients, same_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    assert max(some) < max(all_positions) / 2
    assert as_before == all_positions


@pytest.mark.parametrize("side", ["left", "right"])
def test_only_padding_on_the_right_needs_no_mask(made: Made, tmp_path: Path, side: str) -> None:
    model = sft(made, tmp_path).model.eval()
    tokens = torch.arange(12).reshape(2, 6) + 5
    mask = torch.ones_like(tokens)
    mask[0] = torch.tensor([0, 0, 1, 1, 1, 1] if side == "left" else [1, 1, 1, 1, 0, 0])
    seen: list[Any] = []
    model.model.layers[0].register_forward_pre_hook(
        lambda _, given, named: seen.append(named["attention_mask"]), with_kwargs=True
    )
    with torch.no_grad():
        plain = model(input_ids=tokens, attention_mask=mask).logits
        with spared_work(model):
            spared = model(input_ids=tokens, attention_mask=mask).logits
    torch.testing.assert_close(plain[mask == 1], spared[mask == 1], rtol=1e-4, atol=1e-5)
    assert seen[0] is not None
    assert (seen[1] is None) == (side == "right")
