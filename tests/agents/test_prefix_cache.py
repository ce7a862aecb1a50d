"""What a model has read is not read again, and nothing that it says depends on that."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps, loads
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agents.tiny_models import make_tiny_model
from toolenv import bridge
from toolenv.agents import TransformersPolicy
from toolenv.agents.policies.generation import Prompt, Sampling, generate
from toolenv.agents.policies.local_model import LoadedModel, ModelSource
from toolenv.agents.policies.prefix_cache import Known, PrefixCache
from toolenv.errors import ConfigurationError
from toolenv.training.rollouts import TrainedPolicy

GIB = 1 << 30
TEXTS = st.lists(st.integers(0, 1), min_size=1, max_size=70)


def known(tokens: Sequence[int]) -> Known:
    """An entry of a byte a token."""
    return Known((*tokens,), ((np.zeros((1, len(tokens), 1), np.int8), np.zeros(0, np.int8)),))


@given(st.lists(TEXTS, max_size=12), TEXTS, st.integers(20, 300))
def test_what_is_found_begins_the_prompt_and_fits_the_memory(
    read: list[list[int]], prompt: list[int], limit: int
) -> None:
    cache = PrefixCache(limit)
    kept: list[Known] = []
    for tokens in read:
        cache.add(known(tokens))
        kept.append(known(tokens))
        entry, length = cache.find(prompt)
        assert length == cache.known_length(prompt) < len(prompt)
        if entry is None:
            assert length == 0
        else:
            assert entry.tokens in {one.tokens for one in kept}
            assert [*entry.tokens[:length]] == prompt[:length]
    found = {entry.tokens for one in kept if (entry := cache.find((*one.tokens, 2))[0])}
    assert sum(len(tokens) for tokens in found) <= limit


@given(TEXTS, TEXTS)
def test_all_of_the_longest_beginning_is_found(tokens: list[int], more: list[int]) -> None:
    cache = PrefixCache(GIB)
    cache.add(known([*tokens, 2]))
    whole = len(tokens) + 1 >= 16  # less than a block is not worth keeping
    assert cache.known_length([*tokens, 2, *more]) == (len(tokens) + 1 if whole else 0)
    cache.add(known([*tokens, 2, *more]))
    assert len(cache) <= 1  # what is continued goes


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    first, second, third = ([number] * 40 for number in range(3))
    cache = PrefixCache(100)
    cache.add(known(first))
    cache.add(known(second))
    cache.find([*first, 9])
    cache.add(known(third))
    assert [cache.known_length([*one, 9]) for one in (first, second, third)] == [40, 0, 40]
    cache.clear()
    assert (len(cache), cache.known_length([*first, 9])) == (0, 0)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return ModelSource(str(make_tiny_model(tmp_path_factory.mktemp("model")))).load("cpu")


def turns(loaded: LoadedModel, cache: PrefixCache | None, temperature: float) -> list[str]:
    """Three turns of three conversations; the last begins with the second's first turn."""
    encoded = [
        loaded.tokenizer(text)["input_ids"]
        for text in ("What is the weather in Paris tomorrow?", "Hello.", "Is it raining? " * 20)
    ]
    said: list[str] = []
    for turn in range(3):
        prompts = [Prompt(tokens, seed) for seed, tokens in enumerate(encoded)]
        answers = generate(loaded, prompts, Sampling(temperature, 1.0, 12), cache)
        said += [answer.text for answer in answers]
        more = loaded.tokenizer(f" And then, number {turn}? Say what you know of it.")["input_ids"]
        encoded = [
            [*tokens, *answer.ids, *more] for tokens, answer in zip(encoded, answers, strict=True)
        ]
        encoded[2] = [*encoded[1][:30], *encoded[2]] if turn else encoded[2]
    return said


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("limit", [GIB, 60_000, 1])
def test_the_same_is_said_whatever_is_known(
    loaded: LoadedModel, temperature: float, limit: int
) -> None:
    assert turns(loaded, PrefixCache(limit), temperature) == turns(loaded, None, temperature)


def test_the_next_turn_is_read_from_where_the_last_ended(loaded: LoadedModel) -> None:
    cache = PrefixCache(GIB)
    tokens = loaded.tokenizer("What is the weather in Paris tomorrow? " * 2)["input_ids"]
    answer = generate(loaded, [Prompt(tokens, 0)], Sampling(1.0, 1.0, 12), cache)[0]
    later = [*tokens, *answer.ids, *tokens]
    assert cache.known_length(later) == len(tokens) + len(answer.ids) - 1  # nobody read the last
    other = [*tokens[:20], *reversed(tokens)]
    assert cache.known_length(other) == 20


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("cache", [None, PrefixCache(GIB)], ids=["afresh", "cached"])
def test_rows_that_have_ended_are_left_out(
    tmp_path: Path, temperature: float, cache: PrefixCache | None
) -> None:
    folder = make_tiny_model(tmp_path / "model")
    settings = folder / "generation_config.json"
    settings.write_text(dumps({**loads(settings.read_text()), "eos_token_id": [*range(0, 300, 12)]}))
    loaded = ModelSource(str(folder)).load("cpu")
    tokens = [loaded.tokenizer(f"Is it {n} o'clock? " * (3 + n % 3))["input_ids"] for n in range(9)]
    prompts = [Prompt(one, seed) for seed, one in enumerate(tokens)]
    sampling = Sampling(temperature, 1.0, 40)
    alone = [generate(loaded, [prompt], sampling)[0] for prompt in prompts]
    sizes: list[int] = []
    loaded.model.register_forward_pre_hook(
        lambda _, given, named: sizes.append(len(named["input_ids"])), with_kwargs=True
    )
    assert generate(loaded, prompts, sampling, cache) == alone
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) < 1.5 * sum(answer.tokens for answer in alone)
    if cache is not None:
        assert all(
            cache.known_length([*one, *answer.ids, 0]) >= len(one) + answer.tokens - 1
            for one, answer in zip(tokens, alone, strict=True)
        )


def test_a_model_that_forgets_what_is_far_back_does_without(tmp_path: Path) -> None:
    import transformers

    model = transformers.AutoModelForCausalLM.from_config(
        transformers.MistralConfig(
            vocab_size=512, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=2, sliding_window=24,
        )  # fmt: skip
    )
    folder = make_tiny_model(tmp_path / "model", merges=128)
    model.save_pretrained(folder)
    loaded = ModelSource(str(folder)).load("cpu")
    cache = PrefixCache(GIB)
    assert turns(loaded, cache, 0.0) == turns(loaded, None, 0.0)
    assert len(cache) == 0


def test_weights_that_change_read_all_again(tmp_path: Path) -> None:
    first, second = (make_tiny_model(tmp_path / str(n), seed=n) for n in range(2))
    options: dict[str, Any] = {"max_new_tokens": 8, "temperature": 0}
    policy = TrainedPolicy(first, **options)
    asked: list[Any] = [{"role": "user", "content": "What is the weather in Paris tomorrow?"}]

    def said(one: TransformersPolicy) -> str:
        return bridge.run(one(asked, [], seed=0)).content

    for folder in (first, second):
        policy.use(ModelSource(str(folder)).load("cpu"))
        assert said(policy) == said(TransformersPolicy(folder, prefix_cache=0, **options))


def test_less_than_no_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="prefix_cache"):
        TransformersPolicy(make_tiny_model(tmp_path), prefix_cache=-1)
