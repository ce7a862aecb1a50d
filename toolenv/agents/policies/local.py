"""A local transformers model, on a CPU or a GPU, that serves many episodes in batches."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from toolenv import bridge
from toolenv.actions import ACTION_FORMATS, ActionFormat, read_action
from toolenv.agents.policies.batching import Batcher
from toolenv.agents.policies.constraining import CallForm, Grammars
from toolenv.agents.policies.context import fit_context
from toolenv.agents.policies.generation import Continuation, Prompt, Sampling, generate
from toolenv.agents.policies.local_model import Device, LoadedModel, ModelSource, Precision
from toolenv.agents.policies.prefix_cache import PrefixCache
from toolenv.agents.policies.prompting import ChatPrompting, Prompting, read_chat_template
from toolenv.agents.policies.reasoning import (
    Reasoning,
    ThinkTags,
    check_reasoning,
    show_reasoning,
    split_thinking,
)
from toolenv.agents.policies.toolllama import OWN_WORDING, ToolLLaMAPrompting, read_wording
from toolenv.episodes import Message, Usage
from toolenv.errors import ConfigurationError, PolicyError, ToolenvError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue

__all__ = ["TransformersPolicy"]

_TOOLLLAMA_RATIO = 2.0
_TOOLLLAMA_CONTEXT = 8192


class TransformersPolicy:
    """Asks a causal language model that this process has loaded.

    The model is loaded at the first message. Requests of concurrent episodes, whatever threads and
    event loops they come from, are answered in batches; what a request gets does not depend on the
    others in its batch (see ``toolenv.agents.policies.generation``).

    Args:
        model: A folder as ``save_pretrained`` writes it, or a name at the Hugging Face hub.
        adapter: A folder with a LoRA adapter, merged into the weights.
        revision: The commit or tag of a hub model.
        style: ``chat`` uses the checkpoint's chat template; ``toolllama`` is everything that
            ToolLLaMA checkpoints need: their prompts, their form of calls, and positions scaled
            for 8,192 tokens.
        prompts: With ``toolllama``, the user's own training file of ToolBench, or its folder, from
            which the wording of the prompts is taken; our own words where None.
        chat_template: A Jinja template in place of the checkpoint's, or a file that holds one.
        template_options: Variables for the template, such as ``{"enable_thinking": false}``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``spread`` over all GPUs.
        dtype: ``auto`` (float32 on a CPU, the checkpoint's own elsewhere), ``float32``,
            ``bfloat16`` or ``float16``.
        max_new_tokens: Most tokens of a message.
        temperature: 0 takes the likeliest token each time.
        top_p: Draws among the likeliest tokens that together have this probability.
        stop: Text, or several, that end a message beside the checkpoint's end tokens.
        batch_size: Most requests that are answered together.
        batch_wait: Seconds without a new request after which a batch is begun that is not full.
        action_format: How a message's text is read.
        reasoning: What later turns show of reasoning: ``strip`` nothing, ``keep`` all of it, a
            number so many characters of each message's; the template decides where.
        think_tags: Where a message's text holds reasoning; see ``ThinkTags``.
        constrained: Whether only well-formed calls of the offered functions can be said.
        context_length: Tokens of prompt and message together; where None, what the checkpoint
            allows. What does not fit is cut (see ``toolenv.agents.policies.context``).
        position_ratio: Positions are divided by this. With ``toolllama`` it is 2 unless given,
            for checkpoints made from Llama 2; those made from the first Llama need 4.
        prefix_cache: GiB of the device's memory for what the model has read: prompts that begin as
            earlier ones are read from where they differ. 0 reads all of each.

    Raises:
        ConfigurationError: An option cannot be used, or a file is absent.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        adapter: str | Path | None = None,
        revision: str | None = None,
        style: Literal["chat", "toolllama"] = "chat",
        prompts: str | Path | None = None,
        chat_template: str | Path | None = None,
        template_options: Mapping[str, JsonValue] | None = None,
        device: Device = "auto",
        dtype: Precision = "auto",
        max_new_tokens: int = 512,
        temperature: float = 1.0,
        top_p: float = 1.0,
        stop: str | Sequence[str] = (),
        batch_size: int = 16,
        batch_wait: float = 0.02,
        action_format: ActionFormat = "auto",
        reasoning: Reasoning = "strip",
        think_tags: ThinkTags = "closing",
        constrained: bool = False,
        context_length: int | None = None,
        position_ratio: float | None = None,
        prefix_cache: float = 1.0,
    ) -> None:
        _check(max_new_tokens >= 1, "max_new_tokens", "Must be at least 1.")
        _check(temperature >= 0, "temperature", "Must be at least 0.")
        _check(0 < top_p <= 1, "top_p", "Must be over 0 and at most 1.")
        _check(batch_size >= 1, "batch_size", "Must be at least 1.")
        _check(batch_wait >= 0, "batch_wait", "Must be at least 0.")
        _check(prefix_cache >= 0, "prefix_cache", "Must be at least 0.")
        _check(
            action_format in ACTION_FORMATS,
            "action_format",
            f"Unknown: {action_format!r}.",
            f"Use {', '.join(ACTION_FORMATS)}.",
        )
        _check(style in ("chat", "toolllama"), "style", f"Unknown: {style!r}.")
        _check(prompts is None or style == "toolllama", "prompts", "Needs style toolllama.")
        check_reasoning(reasoning, think_tags)
        self.prompting: Prompting
        if style == "toolllama":
            self.prompting = ToolLLaMAPrompting(read_wording(prompts) if prompts else OWN_WORDING)
            position_ratio = _TOOLLLAMA_RATIO if position_ratio is None else position_ratio
            context_length = context_length or _TOOLLLAMA_CONTEXT
            action_format = "toolllama" if action_format == "auto" else action_format
        else:
            form: CallForm | None = None if action_format == "auto" else action_format
            template = read_chat_template(chat_template)
            self.prompting = ChatPrompting(template, template_options, form)
        self.source = ModelSource(
            str(model),
            str(adapter) if adapter is not None else None,
            revision,
            position_ratio,
            context_length,
        )
        self.name = f"{'toolllama' if style == 'toolllama' else 'transformers'}:{model}"
        self.device = device
        self.dtype = dtype
        self.sampling = Sampling(
            float(temperature),
            float(top_p),
            max_new_tokens,
            (stop,) if isinstance(stop, str) else tuple(stop),
        )
        self.batch_size = batch_size
        self.action_format = action_format
        self.reasoning: Reasoning = reasoning
        self.think_tags: ThinkTags = think_tags
        self.constrained = constrained
        # who asks holds the policy; nothing else does, so that its memory is free when it is let go
        me = weakref.proxy(self)
        self._batcher: Batcher[Prompt, Continuation] = Batcher(
            lambda prompts: me._generate(prompts),
            size=batch_size,
            wait=batch_wait,
            measure=lambda prompt: me._size(prompt),
        )
        self._cache = PrefixCache(round(prefix_cache * 2**30)) if prefix_cache else None
        self._lock = threading.RLock()
        self._loaded: LoadedModel | None = None
        self._grammars: Grammars | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of the model's files, adapter, prompts and sampling; not of device and batches."""
        drawn = self.sampling
        sampling: list[JsonValue] = [drawn.temperature, drawn.top_p, drawn.longest, *drawn.stop]
        return fingerprint(
            "policy",
            {
                "kind": "transformers",
                "model": self.source.fingerprint,
                "prompting": self.prompting.settings,
                "dtype": self.dtype,
                "sampling": sampling,
                "action_format": self.action_format,
                "reasoning": [self.reasoning, self.think_tags],
                "constrained": self.constrained,
            },
        )

    def load(self) -> LoadedModel:
        """Load the model now, if it is not loaded yet.

        Raises:
            ConfigurationError: It cannot be loaded, or leaves no room for a prompt.
        """
        with self._lock:
            if self._loaded is None:
                loaded = self.source.load(self.device, self.dtype)
                _check(
                    loaded.context_length > self.sampling.longest,
                    "max_new_tokens",
                    f"Messages of {self.sampling.longest} tokens leave no room for a prompt in a "
                    f"context of {loaded.context_length}.",
                    "Lower max_new_tokens or raise context_length.",
                )
                if self.constrained:
                    self._grammars = Grammars(loaded, self.prompting.form(loaded.tokenizer))
                self._loaded = loaded
            return self._loaded

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The model's next message.

        Raises:
            ConfigurationError: The model cannot be loaded, or has no chat template.
            PolicyError: The conversation does not fit the context even when cut, the template
                refuses it, or the device failed.
        """
        return await bridge.wait(partial(self._ask, messages, functions, seed))

    async def _ask(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        seed: int,
    ) -> Message:
        if self._loaded is None:
            await asyncio.to_thread(self.load)
        prompt = self.prompt(messages, functions, seed=seed)
        try:
            said = await asyncio.wrap_future(self._batcher.submit(prompt))
        except ToolenvError:
            raise
        except Exception as error:  # out of memory, a lost device: whatever the libraries raise
            raise PolicyError(
                f"The model failed: {type(error).__name__}: {str(error)[:500]}",
                where=self.name,
                fix="Where memory ran out, lower batch_size, context_length or max_new_tokens.",
            ) from None  # the traceback would keep the batch's memory
        return self._read(said, prompt)

    def prompt(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int = 0,
    ) -> Prompt:
        """The prompt of a conversation, cut so that prompt and message fit the context.

        Raises:
            PolicyError: It does not fit even when cut, or the template refuses it.
        """
        loaded = self.load()
        limit = loaded.context_length - self.sampling.longest
        with self._lock:
            counter = _Counter(loaded.tokenizer, self.prompting)
            messages = show_reasoning(messages, self.reasoning)
            tokens = counter.encode(messages, functions)
            if len(tokens) > limit:
                tokens = counter.encode(*fit_context(messages, functions, limit, counter))
            if max(tokens, default=0) >= loaded.vocabulary:
                raise ConfigurationError(
                    "The tokenizer has tokens that the model does not know.",
                    where=self.name,
                    fix="Use the tokenizer that belongs to the checkpoint.",
                )
            constraint = None
            if self._grammars is not None:
                constraint = self._grammars.constraint(functions, self.sampling.longest)
        return Prompt(tokens, seed, constraint)

    def _generate(self, prompts: list[Prompt]) -> list[Continuation]:
        return generate(self.load(), prompts, self.sampling, self._cache)

    def forget(self) -> None:
        """Read all of each prompt again: the weights have changed."""
        if self._cache is not None:
            self._cache.clear()

    def _size(self, prompt: Prompt) -> tuple[float, float]:
        """How many tokens of a prompt have to be read, and how many have been.

        Rows that are alike in both waste least; each token is read once, and looked at later.
        """
        known = self._cache.known_length(prompt.tokens) if self._cache is not None else 0
        return len(prompt.tokens) - known, len(prompt.tokens) / 2

    def _read(self, said: Continuation, prompt: Prompt) -> Message:
        reasoning, text = split_thinking(said.text, self.think_tags)
        return read_action(text, self.action_format)._replace(
            reasoning=reasoning, usage=Usage(len(prompt.tokens), said.tokens)
        )


class _Counter:
    """Counts with the policy's own tokenizer and template."""

    def __init__(self, tokenizer: Any, prompting: Prompting) -> None:
        self._tokenizer = tokenizer
        self._prompting = prompting

    def encode(
        self, messages: Sequence[dict[str, JsonValue]], functions: Sequence[dict[str, JsonValue]]
    ) -> list[int]:
        """The tokens of the whole prompt."""
        text = self._prompting.text(self._tokenizer, messages, functions)
        # A lone surrogate, which no tokenizer takes, becomes a replacement character.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        ids: list[int] = self._tokenizer(
            text, add_special_tokens=self._prompting.special_tokens, verbose=False
        )["input_ids"]
        return ids

    def prompt(
        self, messages: Sequence[dict[str, JsonValue]], functions: Sequence[dict[str, JsonValue]]
    ) -> int:
        """Tokens of the whole prompt."""
        return len(self.encode(messages, functions))

    def characters(self, text: str, tokens: int) -> int:
        """How many characters the first tokens of a text cover."""
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if self._tokenizer.is_fast:
            spans = self._tokenizer(
                text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
            )["offset_mapping"]
            return len(text) if len(spans) <= tokens else int(spans[tokens][0])
        ids = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return len(text) if len(ids) <= tokens else len(self._tokenizer.decode(ids[:tokens]))


def _check(holds: bool, where: str, what: str, fix: str = "") -> None:
    if not holds:
        raise ConfigurationError(what, where=where, fix=fix)
