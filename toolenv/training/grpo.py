"""GRPO on the environment itself: TRL's trainer, with whole episodes as its completions.

TRL's own tool loop freezes the functions when the trainer is made and resolves the calls of one
attempt after the other; ``rollout_func`` does neither (``python -m benchmarks.grpo``).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolenv.env import ToolEnv
from toolenv.errors import ConfigurationError
from toolenv.running.configuration import RunConfiguration
from toolenv.seeds import derive
from toolenv.training.configuration import GRPOConfiguration
from toolenv.training.folder import TrainingFolder, TrainingRecord
from toolenv.training.models import begin, model_source
from toolenv.training.rewards import open_reward
from toolenv.training.rollouts import Rollouts, TrainedPolicy
from toolenv.training.task_prompts import check_prompts, prompt_of
from toolenv.training.templates import check_template
from toolenv.training.trl_rollouts import TRLRollouts, attempt_reward, generating_model
from toolenv.training.trl_training import arguments, make_trainer, train

__all__ = ["grpo_trainer", "train_grpo"]


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
    policy.use(generating_model(begun, begun.model, configuration))
    check_prompts(policy, begun.tokenizer, env, configuration.model)
    rollouts = Rollouts(
        env,
        policy,
        open_reward(configuration.rewards),
        most=configuration.max_completion,
        seed=configuration.seed,
    )
    rows = [{"prompt": prompt_of(env, task)} for task in _order(env, configuration)]
    own = {
        "num_train_epochs": 1.0,  # all passes are in the rows, in the order of their draws
        "shuffle_dataset": False,
        "num_generations": configuration.group,
        "temperature": configuration.temperature,
        "max_completion_length": configuration.max_completion,
        "beta": configuration.beta,
        "remove_unused_columns": False,
    }
    return make_trainer(
        trl.GRPOTrainer,
        begun,
        reward_funcs=attempt_reward,
        args=arguments(trl.GRPOConfig, configuration, begun, out, own),
        train_dataset=datasets.Dataset.from_list(rows, on_mixed_types="use_json"),
        rollout_func=TRLRollouts(rollouts, policy, begun, configuration),
    )


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
