"""Checking definite answers: the check decides, and says why."""

from toolenv.checks.applying import apply_check, check_reward, outcome_of
from toolenv.checks.verdicts import Decision, Found, Verdict

__all__ = ["Decision", "Found", "Verdict", "apply_check", "check_reward", "outcome_of"]
