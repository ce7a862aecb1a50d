"""Batches of prompts continued by a local model, each row as if it were alone.

Prompts of different lengths are padded on the left, with attention masks and positions to match,
and continued by transformers' own ``generate``; beginnings that it has read before are not read
again. What is drawn for a row depends on its own seed and its own logits alone, so that a row says
the same in every batch, as far as the arithmetic of the device gives equal logits: in float32 it
does but for the last bits, in the short types two tokens that are nearly tied may change places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from toolenv.agents.policies.batching import EXITING
from toolenv.agents.policies.local_model import LoadedModel
from toolenv.agents.policies.padded_prompts import PaddedPrompts
from toolenv.agents.policies.prefix_cache import PrefixCache
from toolenv.seeds import derive

__all__ = ["Continuation", "Prompt", "Sampling", "generate"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn.

    Args:
        temperature: 0 takes the likeliest token.
        top_p: Draws among the likeliest tokens that together have this probability.
        longest: Most tokens of an answer.
        stop: Texts that end an answer; they are no part of it.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    longest: int = 512
    stop: tuple[str, ...] = ()


class Prompt(NamedTuple):
    """One row: its tokens, what its draws derive from, and what may be said (None: anything)."""

    tokens: Sequence[int]
    seed: int
    constraint: Any = None


class Continuation(NamedTuple):
    """What was said, how many tokens that took, and which: the one that ends it included."""

    text: str
    tokens: int
    ids: tuple[int, ...] = ()


def generate(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    cache: PrefixCache | None = None,
) -> list[Continuation]:
    """Continue prompts together.

    Args:
        loaded: The model.
        prompts: The rows.
        sampling: How tokens are drawn.
        cache: What the model has read before, to which is added what it reads now.
    """
    import torch

    model = loaded.model
    processors: list[_Constraints | _Draws] = []
    if any(prompt.constraint is not None for prompt in prompts):
        processors.append(_Constraints(prompts, sampling.longest))
    if sampling.temperature > 0:
        processors.append(_Draws(prompts, sampling, model.device))
    answers: list[list[int]] = [[] for _ in prompts]
    rows = [*range(len(prompts))]
    with torch.inference_mode():
        batch = PaddedPrompts(loaded, [prompt.tokens for prompt in prompts], cache)
        # On a processor each row takes its time, so rows that have ended are left out.
        narrows = batch.past is not None and model.device.type == "cpu" and not sampling.stop
        while rows:
            said = model.generate(
                input_ids=torch.tensor(batch.rows, device=model.device),
                attention_mask=torch.tensor(batch.masks, device=model.device),
                do_sample=False,  # the draws are made by the last processor, which leaves one token
                max_new_tokens=sampling.longest - len(answers[rows[0]]),
                logits_processor=processors,
                stopping_criteria=[_Pauses(loaded, len(rows) // 2 if narrows else len(rows))],
                **({"past_key_values": batch.past} if batch.past is not None else {}),
                **({"stop_strings": [*sampling.stop]} if sampling.stop else {}),
                **({"tokenizer": loaded.tokenizer} if sampling.stop else {}),
            )
            new = said[:, len(batch.rows[0]) :].tolist()
            for row, tokens in zip(rows, new, strict=True):
                answers[row] += tokens
            left = [
                at
                for at, row in enumerate(rows)
                if narrows
                and len(answers[row]) < sampling.longest
                and not set(loaded.ends) & {*answers[row]}
                and not EXITING.is_set()
            ]
            for at, row in enumerate(rows):
                if at not in left:
                    batch.keep(at, answers[row])
            rows = [rows[at] for at in left]
            if rows:
                batch.narrow(left, [new[at] for at in left])
                for processor in processors:
                    processor.narrow(left)
    return [_read(loaded, answer, sampling.stop) for answer in answers]


class _Pauses:
    """Ends all rows once so many have ended, or nobody waits for them any more."""

    def __init__(self, loaded: LoadedModel, ended: int) -> None:
        self._ends = loaded.ends
        self._wanted = max(1, ended)
        self._ended: set[int] = set()

    def __call__(self, tokens: Any, scores: Any, **_: Any) -> Any:
        newest = tokens[:, -1].tolist()
        self._ended.update(row for row, token in enumerate(newest) if token in self._ends)
        pauses = len(self._ended) >= self._wanted or EXITING.is_set()
        return tokens.new_full((len(tokens),), pauses).bool()


def _read(loaded: LoadedModel, tokens: list[int], stop: Sequence[str]) -> Continuation:
    """The text of a row up to its end, and how many tokens the model said for it."""
    ending = next((at for at, token in enumerate(tokens) if token in loaded.ends), len(tokens))
    said = tokens[:ending]
    text: str = loaded.tokenizer.decode(
        said, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    stops = [at for at in (text.find(one) for one in stop) if at >= 0]
    if stops:  # the rest of the row is padding
        while said and said[-1] == loaded.padding:
            said.pop()
        return Continuation(text[: min(stops)], len(said), tuple(said))
    ids = tuple(tokens[: ending + 1])
    return Continuation(text, len(ids), ids)


class _Draws:
    """Draws each row's token with the row's own random numbers, and leaves it as the only one.

    Every token's logit gets its own noise (the Gumbel trick), so that last bits of the logits,
    which differ from batch to batch, hardly ever change what is drawn.
    """

    def __init__(self, prompts: Sequence[Prompt], sampling: Sampling, device: Any) -> None:
        import torch

        self._generators = [
            torch.Generator(device).manual_seed(derive("tokens", prompt.seed)) for prompt in prompts
        ]
        self._temperature = sampling.temperature
        self._top_p = sampling.top_p

    def narrow(self, rows: Sequence[int]) -> None:
        """Go on with some rows alone."""
        self._generators = [self._generators[row] for row in rows]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        scaled = scores.float() / self._temperature
        if self._top_p < 1:
            sorted_, order = torch.softmax(scaled, dim=-1).sort(
                dim=-1, descending=True, stable=True
            )
            unlikely = sorted_.cumsum(-1) - sorted_ >= self._top_p
            scaled.masked_fill_(torch.zeros_like(unlikely).scatter_(1, order, unlikely), -torch.inf)
        noise = torch.empty_like(scaled)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        token = (scaled - noise.log_()).argmax(-1, keepdim=True)
        return torch.full_like(scores, -torch.inf).scatter_(1, token, 0.0)


class _Constraints:
    """Takes away what a row's grammar does not allow, and ends rows in time."""

    def __init__(self, prompts: Sequence[Prompt], longest: int) -> None:
        self._rows = [
            prompt.constraint.begin() if prompt.constraint is not None else None
            for prompt in prompts
        ]
        self._left = longest
        self._begun = False

    def narrow(self, rows: Sequence[int]) -> None:
        """Go on with some rows alone."""
        self._rows = [self._rows[row] for row in rows]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        newest = input_ids[:, -1].tolist() if self._begun else []
        self._begun = True
        for number, row in enumerate(self._rows):
            if row is None:
                continue
            if newest:
                row.accept(newest[number])
            allowed = row.allowed(self._left)
            if allowed is not None:
                allowed = torch.from_numpy(allowed).to(scores.device)
                scores[number].masked_fill_(~allowed[: scores.shape[1]], -torch.inf)
        self._left -= 1
        return scores
