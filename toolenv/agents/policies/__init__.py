"""What says the next message: a model behind a server or in memory, a recording, a script."""

from toolenv.agents.policies.human import HumanPolicy
from toolenv.agents.policies.local import TransformersPolicy
from toolenv.agents.policies.openai import OpenAIPolicy
from toolenv.agents.policies.oracle import NothingPolicy, OraclePolicy
from toolenv.agents.policies.random import RandomPolicy
from toolenv.agents.policies.recorded import RecordedPolicy
from toolenv.agents.policies.replay import ReplayPolicy
from toolenv.agents.policies.script import ScriptPolicy

__all__ = [
    "HumanPolicy",
    "NothingPolicy",
    "OpenAIPolicy",
    "OraclePolicy",
    "RandomPolicy",
    "RecordedPolicy",
    "ReplayPolicy",
    "ScriptPolicy",
    "TransformersPolicy",
]
