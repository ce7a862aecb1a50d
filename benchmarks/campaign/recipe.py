"""How one policy is trained from nothing, as commands of ``toolenv``, and what it is compared with.

Each command writes one folder. What it needs to know of an earlier one's result (how many rows
there are, for equal compute) is read when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.campaign.equal_compute import BATCH, steps_for_equal_compute

__all__ = [
    "AGENTS",
    "METHODS",
    "RANDOM_SIDES",
    "TASKS",
    "Command",
    "Recipe",
    "demonstrations",
    "evaluation",
    "evaluations",
    "explorations",
    "pairing",
    "preferring",
    "trainings",
]

BENCHMARK = "toolenv.mini.benchmark"
SIMULATOR = ("--simulator", f"local:{BENCHMARK}:benchmark_simulator")

TASKS = {"test": "benchmark_tasks", "validation": "validation_tasks"}
"""What policies are measured on, and the function of the benchmark that returns it."""

METHODS = ("sft", "dpo", "dpo-random", "sft-again", "grpo")
"""``sft``: imitation of the expert. The others begin from it: ``dpo``: preferences from its own
trees and attempts; ``dpo-random``: the same pairs, their sides drawn by lot; ``sft-again``:
imitation of its own successes in these, for the compute of ``dpo``; ``grpo``: rewards of the
environment."""

SOURCES = ("steps", "errors", "repeats", "outcome")
"""Where pairs come from: trees, and attempts of which some carried out the task."""

RANDOM_SIDES = "random sides"
"""What stands in place of a command of ``toolenv`` where pairs get their sides by lot."""


AGENTS = ("react", "dfsdt", "react-n")
"""One attempt, the search, and attempts that cost as much as the search, which is made before."""

_MEASURED_WITH = {"sft": AGENTS, "dpo": ("react", "dfsdt")}
"""What methods are measured with beside one attempt: a search costs as much as four or five."""


class Recipe(NamedTuple):
    """Sizes and settings; what is not here is a default of the commands.

    Args:
        size: Of the model.
        expert_tasks: Training tasks that the expert attempts; about nine in ten give a row.
        careless: The expert's share of careless choices: more errors to recover from.
        copying_rows: Exercises in copying.
        batch_size: Rows of a step, of exercises and demonstrations.
        learning_rate: The highest, of both.
        again_rows: Demonstrations that are imitated a second time, now with a template that shows
            after each answer what has not been called yet. From nothing with it, a step takes more
            than half as long again, and learns less over the first thousand.
        again_rate: The highest learning rate of that.
        explored_tasks: Training tasks that the policy explores, after those of the expert.
        attempts: ReACT attempts at each of them, beside a search, at temperature 1.
        breadth: Children of a node in every search.
        temperature: How tokens are drawn, wherever a policy acts.
        policy_calls: Most policy calls of a search.
        preference_rate: Learning rate of preferences, and of imitation of own successes.
        preference_epochs: Passes over the pairs.
        sft_weight: Weight of imitating the chosen side, beside preferring it.
        grpo_steps: Steps of GRPO.
        grpo_batch: Attempts of a step, eight at a task.
        grpo_rate: Its learning rate.
        precision: Of imitation and preferences: bfloat16 mixed with float32 takes a quarter less
            time on processors that calculate with it.
        workers: Processes that turn demonstrations into tokens.
        asked_together: Most requests that a policy answers in one batch.
        in_flight: Episodes at the same time: what a policy has read of them is kept in memory.
    """

    size: str = "tiny"
    expert_tasks: int = 90_000
    careless: float = 0.3
    copying_rows: int = 2_400
    batch_size: int = 16
    learning_rate: float = 2e-3
    again_rows: int = 32_000
    again_rate: float = 1e-3
    explored_tasks: int = 500
    attempts: int = 4
    breadth: int = 3
    temperature: float = 0.7
    policy_calls: int = 12
    preference_rate: float = 1e-4
    preference_epochs: float = 1
    sft_weight: float = 1.0
    grpo_steps: int = 40
    grpo_batch: int = 64
    grpo_rate: float = 1e-4
    precision: str = "bfloat16"
    workers: int = 2
    asked_together: int = 16
    in_flight: int = 192

    @property
    def policy_options(self) -> str:
        """How a trained policy is asked."""
        options = f"temperature={self.temperature}&max_new_tokens=96"
        return f"{options}&batch_size={self.asked_together}"

    @property
    def search(self) -> str:
        """The agent that searches."""
        return f"dfsdt?breadth={self.breadth}&siblings=hidden"


class Command(NamedTuple):
    """One step of a recipe.

    Args:
        out: The folder that it writes, below the campaign's.
        arguments: Gives the command line without ``--out``, from the campaign's folder.
    """

    out: str
    arguments: Callable[[Path], list[str]]


def demonstrations(recipe: Recipe) -> list[Command]:
    """What makes the data that all seeds begin with."""
    count = recipe.expert_tasks
    return [
        Command(
            "runs/expert",
            lambda root: [
                *("run", "--tasks", f"{BENCHMARK}:train_tasks?seed=0&count={count}", *SIMULATOR),
                "--policy",
                f"local:{BENCHMARK}:ExpertPolicy?train_seed=0&train_count={count}"
                f"&careless={recipe.careless}",
                *("--processes", "2"),
            ],
        ),
        Command("data/sft", lambda root: ["dataset", "sft", str(root / "runs/expert")]),
        Command(
            "data/copying", lambda root: ["dataset", "copying", "--rows", str(recipe.copying_rows)]
        ),
    ]


def trainings(recipe: Recipe, seed: int) -> list[Command]:
    """All commands that train the policies of a seed, in order."""
    own = f"seed-{seed}"
    fast = [
        *("--batch-size", str(recipe.batch_size)),
        *("--set", "options.adam_beta2=0.98", "--set", "weight_decay=0.01", "--set", "bucket=8"),
    ]
    first = [*fast, "--learning-rate", str(recipe.learning_rate)]
    shared = _shared_settings(seed)

    def sft(root: Path, model: str, data: str, *settings: str) -> list[str]:
        begun = ["train", "sft", "--model", str(root / own / "models" / model)]
        return [*begun, "--data", str(root / data), *settings, *_quick(recipe), *shared]

    def imitating_again(root: Path) -> list[str]:
        home = root / own
        steps = steps_for_equal_compute(
            home / "models/sft", home / "data/pairs", home / "data/own", recipe.preference_epochs
        )
        settings = [*_gentle_settings(recipe), "--max-steps", str(steps)]
        return sft(root, "sft", f"{own}/data/own", *settings)

    return [
        Command(
            f"{own}/models/new",
            lambda root: [
                *("train", "new", "--data", str(root / "data/sft")),
                *("--size", recipe.size, "--seed", str(seed)),
            ],
        ),
        Command(
            f"{own}/models/copies",
            lambda root: sft(
                root, "new", "data/copying", *first, "--set", "schedule=constant_with_warmup"
            ),
        ),
        Command(
            f"{own}/models/imitation",
            lambda root: sft(
                root, "copies", "data/sft", *first, "--set", f"workers={recipe.workers}"
            ),
        ),
        Command(
            f"{own}/models/sft",
            lambda root: sft(
                root,
                "imitation",
                "data/sft",
                *(*fast, "--learning-rate", str(recipe.again_rate)),
                *("--set", "chat_template=compact-again", "--set", f"rows={recipe.again_rows}"),
                *("--set", f"workers={recipe.workers}"),
            ),
        ),
        *explorations(recipe, seed, ("explored", "attempts"), 0, recipe.explored_tasks),
        pairing(seed, "pairs", ("explored", "attempts")),
        Command(
            f"{own}/data/pairs-random",
            lambda root: [RANDOM_SIDES, str(root / own / "data/pairs"), str(seed)],
        ),
        Command(
            f"{own}/data/own",
            lambda root: [
                *("dataset", "sft"),
                *(str(root / own / "runs" / name) for name in ("explored", "attempts")),
            ],
        ),
        preferring(recipe, seed, "dpo", "pairs"),
        preferring(recipe, seed, "dpo-random", "pairs-random"),
        Command(f"{own}/models/sft-again", imitating_again),
        Command(
            f"{own}/models/grpo",
            lambda root: [
                *("train", "grpo", "--model", str(root / own / "models/sft"), *SIMULATOR),
                *("--tasks", _further_tasks(recipe, seed, 1, recipe.explored_tasks)),
                *("--reward", "check", "--group", "8", "--batch-size", str(recipe.grpo_batch)),
                *("--max-steps", str(recipe.grpo_steps)),
                *("--learning-rate", str(recipe.grpo_rate), "--set", "max_new_tokens=96"),
                *("--set", "max_completion=640", *shared),
            ],
        ),
    ]


def explorations(
    recipe: Recipe, seed: int, names: tuple[str, str], start: int, count: int
) -> list[Command]:
    """How ``models/sft`` explores training tasks that the expert has not seen.

    Args:
        recipe: The recipe.
        seed: The training's seed.
        names: Of the run that searches and of the one that attempts.
        start: The first task, in units of the recipe's ``explored_tasks``.
        count: How many tasks.
    """
    own = f"seed-{seed}"
    further = _further_tasks(recipe, seed, start, count)
    many = ("--concurrency", str(recipe.in_flight))
    searching, attempting = names
    return [
        Command(
            f"{own}/runs/{searching}",
            lambda root: [
                *("run", "--tasks", further),
                *(*SIMULATOR, "--agent", recipe.search, "--policy-calls", str(recipe.policy_calls)),
                *("--policy", _policy(root / own / "models/sft", recipe), *many),
            ],
        ),
        Command(
            f"{own}/runs/{attempting}",
            lambda root: [
                *("run", "--tasks", further),
                *(*SIMULATOR, "--agent", "react"),
                *(
                    word
                    for number in range(recipe.attempts)
                    for word in ("--seed", str(number + 1))
                ),
                "--policy",
                _policy(root / own / "models/sft", recipe._replace(temperature=1.0)),
                *many,
            ],
        ),
    ]


def pairing(seed: int, name: str, runs: Sequence[str]) -> Command:
    """Pairs of some runs of a seed, below its ``data``."""
    home = f"seed-{seed}"
    return Command(
        f"{home}/data/{name}",
        lambda root: [
            *("pairs", *(str(root / home / "runs" / run) for run in runs)),
            *(word for source in SOURCES for word in ("--source", source)),
        ],
    )


def preferring(
    recipe: Recipe,
    seed: int,
    name: str,
    data: str,
    settings: Callable[[Path], Sequence[str]] = lambda root: (),
) -> Command:
    """DPO from ``models/sft``.

    Args:
        recipe: The recipe.
        seed: The training's seed.
        name: Of the model.
        data: Of the pairs.
        settings: Gives further settings, from the campaign's folder.
    """
    home = f"seed-{seed}"
    return Command(
        f"{home}/models/{name}",
        lambda root: [
            *("train", "dpo", "--model", str(root / home / "models/sft")),
            *("--data", str(root / home / "data" / data), *_gentle_settings(recipe)),
            *("--epochs", str(recipe.preference_epochs)),
            *("--set", f"sft_weight={recipe.sft_weight}", *settings(root)),
            *(*_quick(recipe), *_shared_settings(seed)),
        ],
    )


def evaluations(
    recipe: Recipe, seed: int, on: str, methods: Sequence[str], agents: Sequence[str] = AGENTS
) -> list[Command]:
    """What the policies of a seed are measured by.

    Args:
        recipe: The recipe.
        seed: The training's seed.
        on: ``test`` or ``validation``.
        methods: Which policies.
        agents: With which of ``AGENTS``, as far as a policy is measured with them.
    """
    return [
        evaluation(recipe, seed, on, method, agent)
        for method in methods
        for agent in _MEASURED_WITH.get(method, ("react",))
        if agent in agents
    ]


def evaluation(
    recipe: Recipe, seed: int, on: str, method: str, agent: str, suffix: str = ""
) -> Command:
    """One policy of a seed, measured with one agent.

    Args:
        recipe: The recipe.
        seed: The training's seed.
        on: ``test`` or ``validation``.
        method: Which policy.
        agent: One of ``AGENTS``; ``react-n`` needs the run of ``dfsdt`` with the same suffix.
        suffix: Follows the agent's name, for a recipe with another budget.
    """
    own = f"seed-{seed}"

    def arguments(root: Path) -> list[str]:
        home = root / own
        named = {
            "react": "react",
            "dfsdt": recipe.search,
            "react-n": f"react@n?match={home / on / method / f'dfsdt{suffix}'}",
        }
        return [
            *("run", "--tasks", f"{BENCHMARK}:{TASKS[on]}", *SIMULATOR),
            *("--agent", named[agent], "--policy", _policy(home / "models" / method, recipe)),
            *("--policy-calls", str(recipe.policy_calls)),
            *("--concurrency", str(recipe.in_flight)),
        ]

    return Command(f"{own}/{on}/{method}/{agent}{suffix}", arguments)


def _further_tasks(recipe: Recipe, seed: int, start: int, count: int) -> str:
    first = recipe.expert_tasks + start * recipe.explored_tasks
    return f"{BENCHMARK}:train_tasks?seed={seed}&count={count}&start={first}"


def _shared_settings(seed: int) -> list[str]:
    kept = ["--set", "save_steps=1000", "--set", "keep_checkpoints=20", "--set", "log_steps=50"]
    return ["--seed", str(seed), *kept]


def _quick(recipe: Recipe) -> list[str]:
    return ["--set", f"precision={recipe.precision}"]


def _gentle_settings(recipe: Recipe) -> list[str]:
    """Of what goes on from ``models/sft``: preferences, and imitation of own successes."""
    return [
        *("--learning-rate", str(recipe.preference_rate), "--batch-size", str(BATCH)),
        *("--set", "options.adam_beta2=0.98", "--set", "schedule=linear"),
    ]


def _policy(model: Path, recipe: Recipe) -> str:
    return f"transformers:{model}?{recipe.policy_options}"
