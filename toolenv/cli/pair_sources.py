"""What the sources of ``toolenv pairs`` need, opened from its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolenv.judging.agreement import Label
    from toolenv.preferences import PairSettings
    from toolenv.preferences.judged import Wins
    from toolenv.preferences.ranking import Value
    from toolenv.preferences.resampling import Resampled

__all__ = [
    "close",
    "open_resampled",
    "open_score",
    "open_wins",
    "read_labels",
    "require_pass_kappa",
]


def read_labels(path: Path | None, least: float | None) -> list[Label]:
    """People's labels; none where no file is given.

    Raises:
        ConfigurationError: A least kappa is asked for without labels.
        FormatError: The file cannot be read.
    """
    from toolenv.errors import ConfigurationError
    from toolenv.judging.agreement import read_labels as read

    if path is None:
        if least is not None:
            raise ConfigurationError(
                "A judge's kappa needs labels of people.",
                where="--least-kappa",
                fix="Give them: --labels FILE.",
            )
        return []
    return list(read(path))


def require_pass_kappa(paths: list[Path], name: str, labels: list[Label], least: float) -> None:
    """Refuse runs whose pass verdicts agree too little with people.

    Raises:
        ConfigurationError: The kappa is too low, or unknown.
    """
    from toolenv.judging.verdicts import PassVerdict
    from toolenv.preferences.agreement import pass_kappa, require_kappa
    from toolenv.preferences.explored import is_run
    from toolenv.running.verdict_sets import VerdictSet

    for path in filter(is_run, paths):
        found = [v for v in VerdictSet.of(path, name).read() if isinstance(v, PassVerdict)]
        require_kappa(pass_kappa(found, labels), least, name)


def open_wins(
    given: list[str], paths: list[Path], margin: float, labels: list[Label], least: float | None
) -> tuple[Wins, ...]:
    """Sets of win verdicts, written as RUN:NAME.

    Raises:
        ConfigurationError: One is not so written, or its judge agrees too little with people.
    """
    from toolenv.errors import ConfigurationError
    from toolenv.preferences.agreement import require_kappa, win_kappa
    from toolenv.preferences.explored import is_run
    from toolenv.preferences.judged import Wins

    runs = [path for path in paths if is_run(path)]
    found = []
    for one in given:
        run, _, name = one.rpartition(":")
        if not run or Path(run) not in runs:
            raise ConfigurationError(
                f"{one!r} is not RUN:NAME with one of the given runs.",
                where="--wins",
                fix="Write it as in: --wins runs/a:win.",
            )
        wins = Wins(Path(run), name, runs, margin=margin)
        if least is not None:
            require_kappa(win_kappa(wins.verdicts, wins.players, labels), least, name)
        found.append(wins)
    if not found:
        raise ConfigurationError(
            "The source judge needs sets of win verdicts.",
            where="--wins",
            fix="Name them as RUN:NAME; 'toolenv judge RUN --judge win' makes one.",
        )
    return tuple(found)


def open_score(given: str | None) -> Value:
    """What an attempt is worth, by name.

    Raises:
        ConfigurationError: None is given, or it cannot be imported.
    """
    from toolenv.episodes import Branch
    from toolenv.errors import ConfigurationError
    from toolenv.preferences.explored import Explored
    from toolenv.simulators.specification import import_object

    if given is None:
        raise ConfigurationError(
            "The source scores needs a score.",
            where="--score",
            fix="Give reward, or module:name of a function of a branch, such as "
            "toolenv.judging.rewards:checkpoint_score.",
        )
    if given == "reward":
        return lambda explored, branch: sum(step.reward for step in branch.path())
    score = import_object(given, where="--score")

    def scored(explored: Explored, branch: Branch) -> float | None:
        return float(score(branch))

    return scored


def open_resampled(
    paths: list[Path], policy: str | None, continuations: int, margin: float | None
) -> Resampled:
    """How siblings are continued: in the environment of the one run that is given.

    Raises:
        ConfigurationError: There is no such run or policy, or the environment is another.
    """
    from toolenv.agents.specification import open_policy
    from toolenv.errors import ConfigurationError
    from toolenv.preferences.explored import is_run
    from toolenv.preferences.resampling import Resampled
    from toolenv.running.configuration import RunConfiguration
    from toolenv.running.folder import RunFolder

    runs = [path for path in paths if is_run(path)]
    if policy is None or len(runs) != len(paths) or len(runs) != 1:
        raise ConfigurationError(
            "Resampling continues the episodes of one run, with a policy.",
            where="--source resampled",
            fix="Give one run folder, and --policy.",
        )
    manifest = RunFolder.open(runs[0]).manifest
    env = RunConfiguration.model_validate(manifest.configuration).open_environment()
    if manifest.fingerprints.get("environment") not in (None, env.fingerprint):
        env.simulator.close()
        raise ConfigurationError(
            "The environment is not the one that the run was made in.",
            where=str(runs[0]),
            fix="Restore its tasks and recordings; the run's manifest names the parts.",
        )
    return Resampled(env, open_policy(policy), continuations, 0.3 if margin is None else margin)


def close(settings: PairSettings) -> None:
    """Close what was opened for sources."""
    if settings.resampled is not None:
        settings.resampled.env.simulator.close()
