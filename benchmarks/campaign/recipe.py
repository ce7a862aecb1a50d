"""How one policy is trained from nothing, as commands of ``toolenv``, and what it is compared with.

Each command writes one folder. What it needs to know of an earlier one's result (how many rows
there are, for equal compute) is read when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.campaign.equal_compute import steps_for_equal_compute

__all__ = ["BENCHMARK", "METHODS", "RANDOM_SIDES", "Command", "Recipe", "evaluations", "trainings"]

BENCHMARK = "toolenv.mini.benchmark"
SIMULATOR = ("--simulator", f"local:{BENCHMARK}:benchmark_simulator")

METHODS = ("sft", "dpo", "dpo-random", "sft-again", "grpo")
"""``sft``: imitation of the expert. The others begin from it: ``dpo``: preferences from its own
trees; ``dpo-random``: the same pairs, their sides drawn by lot; ``sft-again``: imitation of its own
successes in the same trees, for the compute of ``dpo``; ``grpo``: rewards of the environment."""

RANDOM_SIDES = "random sides"
"""What stands in place of a command of ``toolenv`` where pairs get their sides by lot."""


class Recipe(NamedTuple):
    """Sizes and settings; what is not here is a default of the commands.

    Args:
        size: Of the model.
        expert_tasks: Training tasks that the expert attempts; about nine in ten give a row.
        careless: The expert's share of careless choices: more errors to recover from.
        copying_rows: Exercises in copying.
        batch_size: Rows of a step, of exercises and demonstrations.
        learning_rate: The highest, of both.
        explored_tasks: Training tasks that the policy explores, after those of the expert.
        breadth: Children of a node in every search.
        temperature: How tokens are drawn, wherever a policy acts.
        policy_calls: Most policy calls of a search.
        preference_rate: Learning rate of preferences, and of imitation of own successes.
        preference_epochs: Passes over the pairs.
        sft_weight: Weight of imitating the chosen side, beside preferring it.
        grpo_steps: Steps of GRPO.
        grpo_batch: Attempts of a step, eight at a task.
        grpo_rate: Its learning rate.
        precision: Of training.
    """

    size: str = "tiny"
    expert_tasks: int = 64_000
    careless: float = 0.3
    copying_rows: int = 2_400
    batch_size: int = 16
    learning_rate: float = 2e-3
    explored_tasks: int = 2_000
    breadth: int = 3
    temperature: float = 0.5
    policy_calls: int = 24
    preference_rate: float = 1e-4
    preference_epochs: float = 1
    sft_weight: float = 1.0
    grpo_steps: int = 40
    grpo_batch: int = 64
    grpo_rate: float = 1e-4
    precision: str = "float32"

    @property
    def policy_options(self) -> str:
        """How a trained policy is asked."""
        return f"temperature={self.temperature}&max_new_tokens=96&batch_size=128"

    @property
    def search(self) -> str:
        """The agent that searches."""
        return f"dfsdt?breadth={self.breadth}&siblings=hidden"


class Command(NamedTuple):
    """One step of a recipe.

    Args:
        out: The folder that it writes, below the seed's own.
        arguments: Gives the command line without ``--out``, from the seed's own folder.
    """

    out: str
    arguments: Callable[[Path], list[str]]


def trainings(recipe: Recipe, seed: int) -> list[Command]:
    """All commands that train the policies of a seed, in order."""
    expert, explored = recipe.expert_tasks, recipe.explored_tasks
    fast = [
        *("--learning-rate", str(recipe.learning_rate), "--batch-size", str(recipe.batch_size)),
        *("--set", "options.adam_beta2=0.98", "--set", "weight_decay=0.01"),
    ]
    shared = [
        *("--seed", str(seed), "--set", f"precision={recipe.precision}"),
        *("--set", "save_steps=1000", "--set", "keep_checkpoints=1", "--set", "log_steps=50"),
    ]
    again = [
        *("--learning-rate", str(recipe.preference_rate), "--batch-size", "16"),
        *("--set", "options.adam_beta2=0.98", "--set", "schedule=linear"),
    ]
    preferring = [*again, "--epochs", str(recipe.preference_epochs)]
    preferring += ["--set", f"sft_weight={recipe.sft_weight}"]

    def imitating_again(home: Path) -> list[str]:
        steps = steps_for_equal_compute(
            home / "models/sft", home / "data/pairs", home / "data/own", recipe.preference_epochs
        )
        return _sft(home, "models/sft", "data/own", *again, *shared, "--max-steps", str(steps))

    return [
        Command(
            "runs/expert",
            lambda home: [
                *(
                    "run",
                    "--tasks",
                    f"{BENCHMARK}:train_tasks?seed={seed}&count={expert}",
                    *SIMULATOR,
                ),
                "--policy",
                f"local:{BENCHMARK}:ExpertPolicy?train_seed={seed}&train_count={expert}"
                f"&careless={recipe.careless}",
            ],
        ),
        Command("data/sft", lambda home: ["dataset", "sft", str(home / "runs/expert")]),
        Command(
            "data/copying",
            lambda home: [
                *("dataset", "copying", "--rows", str(recipe.copying_rows), "--seed", str(seed))
            ],
        ),
        Command(
            "models/new",
            lambda home: [
                *("train", "new", "--data", str(home / "data/sft")),
                *("--size", recipe.size, "--seed", str(seed)),
            ],
        ),
        Command(
            "models/copies",
            lambda home: _sft(
                home,
                "models/new",
                "data/copying",
                *fast,
                *shared,
                "--set",
                "schedule=constant_with_warmup",
            ),
        ),
        Command("models/sft", lambda home: _sft(home, "models/copies", "data/sft", *fast, *shared)),
        Command(
            "runs/explored",
            lambda home: [
                *("run", "--tasks"),
                f"{BENCHMARK}:train_tasks?seed={seed}&count={explored}&start={expert}",
                *(*SIMULATOR, "--agent", recipe.search, "--policy-calls", str(recipe.policy_calls)),
                *("--policy", _policy(home / "models/sft", recipe), "--concurrency", "512"),
            ],
        ),
        Command(
            "data/pairs",
            lambda home: [
                *("pairs", str(home / "runs/explored"), "--source", "steps"),
            ],
        ),
        Command(
            "data/pairs-random", lambda home: [RANDOM_SIDES, str(home / "data/pairs"), str(seed)]
        ),
        Command("data/own", lambda home: ["dataset", "sft", str(home / "runs/explored")]),
        *(
            Command(
                f"models/{name}",
                lambda home, data=data: [  # type: ignore[misc]
                    *(
                        "train",
                        "dpo",
                        "--model",
                        str(home / "models/sft"),
                        "--data",
                        str(home / data),
                    ),
                    *preferring,
                    *shared,
                ],
            )
            for name, data in (("dpo", "data/pairs"), ("dpo-random", "data/pairs-random"))
        ),
        Command("models/sft-again", imitating_again),
        Command(
            "models/grpo",
            lambda home: [
                *("train", "grpo", "--model", str(home / "models/sft"), *SIMULATOR, "--tasks"),
                f"{BENCHMARK}:train_tasks?seed={seed}&count={explored}&start={expert + explored}",
                *("--reward", "check", "--group", "8", "--batch-size", str(recipe.grpo_batch)),
                *("--max-steps", str(recipe.grpo_steps)),
                *("--learning-rate", str(recipe.grpo_rate), "--set", "max_new_tokens=96"),
                *("--set", "max_completion=640", *shared),
            ],
        ),
    ]


def evaluations(recipe: Recipe, tasks: str, on: str, methods: tuple[str, ...]) -> list[Command]:
    """What the policies of a seed are measured by.

    Args:
        recipe: The recipe.
        tasks: The function of the benchmark that returns the tasks.
        on: What they are called in folders.
        methods: Which policies.
    """

    def evaluated(method: str, agent: str) -> Callable[[Path], list[str]]:
        def arguments(home: Path) -> list[str]:
            match = {"react-n": f"react@n?match={home / on / method / 'dfsdt'}"}
            agents = {"react": "react", "dfsdt": recipe.search, **match}
            return [
                *("run", "--tasks", f"{BENCHMARK}:{tasks}", *SIMULATOR, "--agent", agents[agent]),
                *("--policy", _policy(home / "models" / method, recipe)),
                *("--policy-calls", str(recipe.policy_calls), "--concurrency", "512"),
            ]

        return arguments

    agents = {"sft": ("react", "dfsdt", "react-n"), "dpo": ("react", "dfsdt", "react-n")}
    return [
        Command(f"{on}/{method}/{agent}", evaluated(method, agent))
        for method in methods
        for agent in agents.get(method, ("react", "dfsdt"))
    ]


def _sft(home: Path, model: str, data: str, *settings: str) -> list[str]:
    return ["train", "sft", "--model", str(home / model), "--data", str(home / data), *settings]


def _policy(model: Path, recipe: Recipe) -> str:
    return f"transformers:{model}?{recipe.policy_options}"
