"""The prompts that training by reward begins from: tasks as their policies see them first."""

from __future__ import annotations

from typing import Any, Final

from toolenv.agents.policies.local import TransformersPolicy
from toolenv.agents.policies.prompting import with_objects
from toolenv.env import ToolEnv
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.training.templates import Rendered

__all__ = ["check_prompts", "prompt_of", "task_of"]

_TASK: Final = "toolenv_task"
"""The key of a prompt's last message that names the task; templates do not look at it."""

_TRIED: Final = 8


def prompt_of(env: ToolEnv, task: str) -> list[dict[str, Any]]:
    """The first prompt of a task, which names it."""
    own = env.fresh()
    own.reset(seed=0, options={"task": task})
    *before, last = own.messages
    return [*before, {**last, _TASK: task}]


def task_of(prompt: Any) -> str:
    """The task that a prompt names."""
    return str(prompt[-1][_TASK])


def check_prompts(policy: TransformersPolicy, tokenizer: Any, env: ToolEnv, where: str) -> None:
    """Refuse a template whose prompts in a run are not those that imitation trained with.

    The tokens of the first prompts are compared: of the policy as ``toolenv run`` has it, of TRL's
    trainers, and of the beginning of a whole conversation.

    Raises:
        ConfigurationError: They differ.
    """
    rendered = Rendered(tokenizer)
    own = env.fresh()
    for task in env.tasks[:_TRIED]:
        own.reset(seed=0, options={"task": task.id})
        messages = [with_objects(message) for message in own.messages]
        asked = list(policy.prompt(own.messages, own.functions).tokens)
        if asked != rendered.tokens(messages, own.functions, asks=True):
            raise ConfigurationError(
                f"The prompt of task {task.id} has other tokens in a run than in training.",
                where=where,
                fix="Use a template that knows tools and system messages, and prints no date.",
            )
        said: dict[str, JsonValue] = {"role": "assistant", "content": "So."}
        rendered.require_prefix(messages, [*messages, said], own.functions, where)
