"""GRPO on the environment itself: TRL's trainer, with whole episodes as its completions.

TRL's own tool loop freezes the functions when the trainer is made and resolves the calls of one
attempt after the other; ``rollout_func`` does neither (``python -m benchmarks.grpo``).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolenv.agents.policies.local_model import LoadedModel
from toolenv.agents.policies.prompting import with_objects
from toolenv.env import ToolEnv
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.running.configuration import RunConfiguration
from toolenv.seeds import derive
from toolenv.training.configuration import GRPOConfiguration
from toolenv.training.folder import TrainingFolder, TrainingRecord
from toolenv.training.models import Begun, begin, model_source
from toolenv.training.rewards import open_reward
from toolenv.training.rollouts import Rollouts, TrainedPolicy
from toolenv.training.running import arguments, train
from toolenv.training.templates import Rendered, check_template

__all__ = ["attempt_reward", "check_prompts", "grpo_trainer", "train_grpo"]

_TASK = "toolenv_task"
"""The key of a prompt's last message that names the task; templates do not look at it."""

_TRIED_PROMPTS = 8


def train_grpo(
    configuration: GRPOConfiguration,
    out: Path,
    *,
    resume: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Train on the environment, by the rewards of whole attempts.

    Args:
        configuration: What is trained, and how.
        out: The folder.
        resume: Go on with the training that is there.
        report: Told how many steps are done, and of how many.

    Raises:
        ToolenvError: Something is wrong with settings, model, environment or folder.
    """
    env = _open_environment(configuration)
    try:
        record = TrainingRecord(
            kind=configuration.kind,
            configuration=configuration.identity(),
            model=model_source(configuration.model).fingerprint,
            data=env.fingerprint,
        )
        folder = TrainingFolder(out, record, resume=resume)
        trainer = grpo_trainer(configuration, out, env)
        train(trainer, folder, {"tasks": len(env.tasks[: configuration.first])}, report)
    finally:
        env.simulator.close()


def grpo_trainer(configuration: GRPOConfiguration, out: Path, env: ToolEnv) -> Any:
    """TRL's trainer, ready to train.

    Raises:
        ConfigurationError: Settings do not fit together, or prompts are not those of a run.
    """
    if configuration.batch_size * configuration.accumulation % configuration.group:
        raise ConfigurationError(
            f"{configuration.batch_size} times {configuration.accumulation} completions are no "
            f"whole groups of {configuration.group}.",
            where="batch_size",
            fix="Let batch_size times accumulation be a multiple of group.",
        )
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    begun = begin(configuration)
    import datasets
    import trl

    check_template(begun.tokenizer, configuration.model, tools=True)
    source = model_source(configuration.model)
    unwritten = configuration.from_scratch or source.adapter is not None
    if configuration.beta and unwritten and configuration.lora is None:
        raise ConfigurationError(
            "The reference would be read from the folder, which holds other weights.",
            where="beta",
            fix="Set beta to 0, or begin from a folder with the whole model.",
        )
    policy = TrainedPolicy(
        source.model,
        max_new_tokens=configuration.max_new_tokens,
        temperature=configuration.temperature,
        batch_size=max(configuration.batch_size, configuration.group),
        batch_wait=0.005,
    )
    policy.use(_loaded(begun, begun.model, configuration))
    check_prompts(policy, begun.tokenizer, env, configuration.model)
    rollouts = Rollouts(
        env,
        policy,
        open_reward(configuration.rewards),
        group=configuration.group,
        most=configuration.max_completion,
        seed=configuration.seed,
    )
    rows = [{"prompt": _prompt(env, task)} for task in _order(env, configuration)]
    own = {
        "num_train_epochs": 1.0,  # all passes are in the rows, in the order of their draws
        "shuffle_dataset": False,
        "num_generations": configuration.group,
        "temperature": configuration.temperature,
        "max_completion_length": configuration.max_completion,
        "beta": configuration.beta,
        "remove_unused_columns": False,
    }
    return trl.GRPOTrainer(
        model=begun.model,
        reward_funcs=attempt_reward,
        args=arguments(trl.GRPOConfig, configuration, begun, out, own),
        train_dataset=datasets.Dataset.from_list(rows, on_mixed_types="use_json"),
        processing_class=begun.tokenizer,
        peft_config=begun.adapter,
        rollout_func=_Rolling(rollouts, policy, begun, configuration),
    )


def check_prompts(policy: TrainedPolicy, tokenizer: Any, env: ToolEnv, where: str) -> None:
    """Refuse a template whose prompts in a run are not those that imitation trained with.

    The tokens of the first prompts are compared: of the policy as ``toolenv run`` has it, of TRL's
    trainers, and of the beginning of a whole conversation.

    Raises:
        ConfigurationError: They differ.
    """
    rendered = Rendered(tokenizer)
    own = env.fresh()
    for task in env.tasks[:_TRIED_PROMPTS]:
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


class _Rolling:
    """What TRL calls for completions."""

    def __init__(
        self,
        rollouts: Rollouts,
        policy: TrainedPolicy,
        begun: Begun,
        configuration: GRPOConfiguration,
    ) -> None:
        self._rollouts = rollouts
        self._policy = policy
        self._begun = begun
        self._configuration = configuration

    def __call__(self, prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        tasks = [str(prompt[-1][_TASK]) for prompt in prompts]
        first = trainer.accelerator.process_index * len(tasks)
        with _generating(trainer) as model:
            self._policy.use(_loaded(self._begun, model, self._configuration))
            attempts = self._rollouts.attempt_all(
                tasks, round=int(trainer.state.global_step), first=first
            )
        end = self._begun.tokenizer.eos_token_id
        for attempt in attempts:
            if not attempt.completion:  # not even the first message fitted
                attempt.completion, attempt.mask = [end], [0]
        return {
            "prompt_ids": [attempt.prompt for attempt in attempts],
            "completion_ids": [attempt.completion for attempt in attempts],
            "logprobs": None,
            "env_mask": [attempt.mask for attempt in attempts],
            "attempt": attempts,
        }


def attempt_reward(
    completions: Sequence[Any], attempt: Sequence[Any], log_metric: Any = None, **_: Any
) -> list[float | None]:
    """The rewards of the attempts, as TRL asks for them, and what they met, for its log.

    Args:
        completions: What was said; not looked at.
        attempt: The attempts.
        log_metric: Takes a name and a figure.

    Returns:
        A reward for each; None, which TRL leaves out, where no policy is to blame.
    """
    calls = sum(one.calls["made"] for one in attempt)
    if log_metric is not None:
        missed = sum(one.calls["missed"] for one in attempt)
        if calls:
            log_metric("rollouts/hit_rate", 1 - missed / calls)
        log_metric("rollouts/calls", calls / len(attempt))
        log_metric("rollouts/masked", sum(one.reward is None for one in attempt) / len(attempt))
        log_metric("rollouts/rewritten_turns", sum(one.rewritten for one in attempt) / len(attempt))
        log_metric(
            "rollouts/answered", sum(one.ended == "answer" for one in attempt) / len(attempt)
        )
    return [one.reward for one in attempt]


@contextmanager
def _generating(trainer: Any) -> Iterator[Any]:
    """The model as it generates: unwrapped, without dropout, its activations not computed twice."""
    from trl.models.utils import disable_gradient_checkpointing, unwrap_model_for_generation

    trains = trainer.model.training
    with unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
        kept = model.generation_config
        model.eval()
        try:
            with disable_gradient_checkpointing(model, trainer.args.gradient_checkpointing_kwargs):
                yield model
        finally:
            model.generation_config = kept
            model.train(trains)


def _loaded(begun: Begun, model: Any, configuration: GRPOConfiguration) -> LoadedModel:
    import transformers

    tokenizer = begun.tokenizer
    end = tokenizer.eos_token_id
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end
    model.generation_config = transformers.GenerationConfig(eos_token_id=end, pad_token_id=padding)
    longest = min(configuration.max_length or begun.context_length, begun.context_length)
    vocabulary = int(model.get_output_embeddings().weight.shape[0])
    return LoadedModel(model, tokenizer, (end,), padding, vocabulary, longest)


def _order(env: ToolEnv, configuration: GRPOConfiguration) -> list[str]:
    """The tasks of the whole training, each pass in an order of its own.

    TRL draws the order of a pass from a generator that is not restored when a training goes on.
    """
    tasks = [task.id for task in env.tasks[: configuration.first]]
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    completions = configuration.batch_size * configuration.accumulation * processes
    each = completions // configuration.group
    wanted = (
        configuration.max_steps * each
        if configuration.max_steps is not None
        else round(configuration.epochs * len(tasks))
    )
    order: list[str] = []
    while len(order) < wanted:
        passed = tasks.copy()
        random.Random(derive("order", configuration.seed, len(order))).shuffle(passed)
        order += passed
    return order[: max(wanted, each)]


def _prompt(env: ToolEnv, task: str) -> list[dict[str, Any]]:
    own = env.fresh()
    own.reset(seed=0, options={"task": task})
    *before, last = own.messages
    return [*before, {**last, _TASK: task}]


def _open_environment(configuration: GRPOConfiguration) -> ToolEnv:
    return RunConfiguration(
        tasks=configuration.tasks,
        split=configuration.split,
        simulator=configuration.simulator,
        max_steps=configuration.max_steps_of_branch,
        observation_limit=configuration.observation_limit,
        compatibility=configuration.compatibility,
        system_prompt=configuration.system_prompt,
        offline=configuration.offline,
    ).open_environment()
