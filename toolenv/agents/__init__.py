"""What decides the next call: agents, which are strategies, over policies."""

from toolenv.agents.base import Agent, Policy
from toolenv.agents.dfsdt import DFSDT
from toolenv.agents.policies import (
    HumanPolicy,
    OpenAIPolicy,
    RandomPolicy,
    RecordedPolicy,
    ReplayPolicy,
    ScriptPolicy,
    TransformersPolicy,
)
from toolenv.agents.react import ReACT
from toolenv.agents.replay import Replay
from toolenv.agents.scoring import PolicyScorer, Progress, Scorer
from toolenv.agents.toolbench_dfsdt import ToolBenchDFSDT
from toolenv.agents.tree_of_thoughts import TreeOfThoughtsBFS, TreeOfThoughtsDFS
from toolenv.agents.tries import BestOfN, ReACTAtN, SelfConsistency, Tries

__all__ = [
    "DFSDT",
    "Agent",
    "BestOfN",
    "HumanPolicy",
    "OpenAIPolicy",
    "Policy",
    "PolicyScorer",
    "Progress",
    "RandomPolicy",
    "ReACT",
    "ReACTAtN",
    "RecordedPolicy",
    "Replay",
    "ReplayPolicy",
    "Scorer",
    "ScriptPolicy",
    "SelfConsistency",
    "ToolBenchDFSDT",
    "TransformersPolicy",
    "TreeOfThoughtsBFS",
    "TreeOfThoughtsDFS",
    "Tries",
]
