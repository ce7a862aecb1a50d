"""Muon for the matrices inside a model, and AdamW for all else, as one optimizer of torch.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") makes the
update of a matrix nearly orthogonal. Its step is scaled as in Liu et al. 2025, "Muon is Scalable
for LLM Training" (arXiv 2502.16982, section 2.2), so that learning rates of AdamW serve both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["MuonWithAdamW", "muon_with_adamw"]


class MuonWithAdamW(torch.optim.Optimizer):  # type: ignore[misc]
    """Both optimizers; learning rates are set on the groups of both.

    Args:
        matrices: Two-dimensional weights that Muon changes.
        others: What AdamW changes, none of it perhaps: ``params`` and ``weight_decay`` of each
            group.
        lr: Learning rate.
        weight_decay: Of the matrices.
        betas: Of AdamW.
        eps: Of AdamW.
    """

    def __init__(
        self,
        matrices: list[torch.Tensor],
        others: list[dict[str, Any]],
        *,
        lr: float,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__([{"params": matrices}, *others], {"lr": lr})
        self._inner: list[Any] = [
            torch.optim.Muon(
                matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
            ),
        ]
        if others:
            self._inner.append(torch.optim.AdamW(others, lr=lr, betas=betas, eps=eps))
        self._share_groups()

    def _share_groups(self) -> None:
        """Let the groups be those of the optimizers within: schedules set their rates."""
        self.param_groups = [group for one in self._inner for group in one.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Change all weights by their gradients."""
        loss = closure() if closure is not None else None
        for one in self._inner:
            one.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """What both need to go on."""
        return {"inner": [one.state_dict() for one in self._inner]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where a training stopped."""
        for one, state in zip(self._inner, state_dict["inner"], strict=True):
            one.load_state_dict(state)
        self._share_groups()


def muon_with_adamw(trainer: Any) -> MuonWithAdamW:
    """The optimizer of a trainer of transformers, by its own arguments.

    Embeddings, the output head and all that is no matrix are left to AdamW, decayed as the trainer
    itself would.
    """
    model, arguments = trainer.model, trainer.args
    outside = {
        id(parameter)
        for module in (model.get_input_embeddings(), _head(model))
        if module is not None
        for parameter in module.parameters()
    }
    decayed = {*trainer.get_decay_parameter_names(model)}
    matrices: list[torch.Tensor] = []
    others: dict[float, list[torch.Tensor]] = {arguments.weight_decay: [], 0.0: []}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.ndim == 2 and id(parameter) not in outside:
            matrices.append(parameter)
        else:
            others[arguments.weight_decay if name in decayed else 0.0].append(parameter)
    return MuonWithAdamW(
        matrices,
        [{"params": found, "weight_decay": decay} for decay, found in others.items() if found],
        lr=arguments.learning_rate,
        weight_decay=arguments.weight_decay,
        betas=(arguments.adam_beta1, arguments.adam_beta2),
        eps=arguments.adam_epsilon,
    )


def _head(model: Any) -> Any:
    """The layer that gives logits, or the score of a reward model."""
    return model.get_output_embeddings() or getattr(model, "score", None)
