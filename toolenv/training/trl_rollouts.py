"""Attempts as TRL's GRPO trainer wants its completions, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from toolenv.agents.policies.local_model import LoadedModel
from toolenv.training.configuration import GRPOConfiguration
from toolenv.training.models import Begun
from toolenv.training.rollouts import Rollouts, TrainedPolicy
from toolenv.training.task_prompts import task_of

__all__ = ["TRLRollouts", "attempt_reward", "generating_model"]


class TRLRollouts:
    """What TRL calls for completions (``rollout_func``).

    Args:
        rollouts: Makes the attempts.
        policy: What says the messages; it is given the model as it is at the time.
        begun: What the training began from.
        configuration: What is trained.
    """

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
        """One attempt for each prompt; TRL has repeated them already."""
        tasks = [task_of(prompt) for prompt in prompts]
        first = trainer.accelerator.process_index * len(tasks)
        with _generating(trainer) as model:
            self._policy.use(generating_model(self._begun, model, self._configuration))
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


def generating_model(begun: Begun, model: Any, configuration: GRPOConfiguration) -> LoadedModel:
    """A model in training as a policy generates with it."""
    import transformers

    tokenizer = begun.tokenizer
    end = tokenizer.eos_token_id
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end
    model.generation_config = transformers.GenerationConfig(eos_token_id=end, pad_token_id=padding)
    longest = min(configuration.max_length or begun.context_length, begun.context_length)
    vocabulary = int(model.get_output_embeddings().weight.shape[0])
    return LoadedModel(model, tokenizer, (end,), padding, vocabulary, longest)
