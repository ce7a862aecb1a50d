"""What decides the next call: agents, which are strategies, over policies."""

from toolenv.agents.base import Agent, Policy
from toolenv.agents.dfsdt import DFSDT
from toolenv.agents.policies import OpenAIPolicy, RandomPolicy, ReplayPolicy, ScriptPolicy
from toolenv.agents.react import ReACT
from toolenv.agents.replay import Replay

__all__ = [
    "DFSDT",
    "Agent",
    "OpenAIPolicy",
    "Policy",
    "RandomPolicy",
    "ReACT",
    "Replay",
    "ReplayPolicy",
    "ScriptPolicy",
]
