"""A policy in training that says what a script says, in the tokens of a model's own tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolenv.agents.policies.generation import Continuation, Prompt
from toolenv.jsontext import parse
from toolenv.training.rollouts import TrainedPolicy

__all__ = ["Scripted", "scripted_generation", "written"]


class Scripted(TrainedPolicy):
    """Says what a function of the prompt's text says, as tokens of the model's own tokenizer."""

    def __init__(self, model: Path, script: Callable[[str, int], str], **options: Any) -> None:
        super().__init__(model, max_new_tokens=64, batch_wait=0.0, **options)
        self.script = script
        self.asked = 0

    def _generate(self, prompts: list[Prompt]) -> list[Continuation]:
        self.asked += len(prompts)
        return scripted_generation(self.script)(self, prompts)


def scripted_generation(
    script: Callable[[str, int], str],
) -> Callable[[TrainedPolicy, list[Prompt]], list[Continuation]]:
    """What stands in for a model: says what a function of the prompt's text and its seed says."""

    def generate(policy: TrainedPolicy, prompts: list[Prompt]) -> list[Continuation]:
        tokenizer = policy.load().tokenizer
        found = []
        for prompt in prompts:
            text = script(tokenizer.decode(prompt.tokens), prompt.seed)
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            ids.append(tokenizer.eos_token_id)
            found.append(Continuation(text, len(ids), tuple(ids)))
        return found

    return generate


def written(call: str) -> str:
    """A call as the template writes it."""
    said: Any = parse(call)
    arguments = json.dumps(said["arguments"])
    return f'<tool_call>\n{{"name": "{said["name"]}", "arguments": {arguments}}}\n</tool_call>'
