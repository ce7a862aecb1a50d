"""What answers a call: recordings, local Python, real servers, models, and their compositions.

What needs a network or an extra is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from toolenv.simulators.base import Session, Simulator, SimulatorBase
from toolenv.simulators.coalescing import coalesce
from toolenv.simulators.composition import NOT_ANSWERS, first_of, record, rungs_of
from toolenv.simulators.fault_plan import FaultPlan, Latency
from toolenv.simulators.faults import inject_faults
from toolenv.simulators.limiting import BudgetSpentError, limit
from toolenv.simulators.llm import LLMSimulator
from toolenv.simulators.local import ApiError, LocalSimulator, LocalTool
from toolenv.simulators.masking import Masked, MaskedSimulator
from toolenv.simulators.neighbour import NeighbourSimulator
from toolenv.simulators.offline import NetworkRefusedError, make_offline, offline
from toolenv.simulators.recorded import Order, RecordedSimulator
from toolenv.simulators.retrying import PASSING, retry
from toolenv.simulators.specification import open_simulator
from toolenv.simulators.truncating import truncate
from toolenv.simulators.wrapping import Wrapper

if TYPE_CHECKING:
    from toolenv.simulators.llm import LLMSimulator
    from toolenv.simulators.mcp import MCPSimulator
    from toolenv.simulators.openapi import OpenAPISimulator
    from toolenv.simulators.rapidapi import RapidAPISimulator
    from toolenv.simulators.toolbench_service import ToolBenchService

__all__ = [
    "NOT_ANSWERS",
    "PASSING",
    "ApiError",
    "BudgetSpentError",
    "FaultPlan",
    "LLMSimulator",
    "Latency",
    "LocalSimulator",
    "LocalTool",
    "MCPSimulator",
    "Masked",
    "MaskedSimulator",
    "NeighbourSimulator",
    "NetworkRefusedError",
    "OpenAPISimulator",
    "Order",
    "RapidAPISimulator",
    "RecordedSimulator",
    "Session",
    "Simulator",
    "SimulatorBase",
    "ToolBenchService",
    "Wrapper",
    "coalesce",
    "first_of",
    "inject_faults",
    "limit",
    "make_offline",
    "offline",
    "open_simulator",
    "record",
    "retry",
    "rungs_of",
    "truncate",
]

_WHERE = {
    "LLMSimulator": "toolenv.simulators.llm",
    "MCPSimulator": "toolenv.simulators.mcp",
    "OpenAPISimulator": "toolenv.simulators.openapi",
    "RapidAPISimulator": "toolenv.simulators.rapidapi",
    "ToolBenchService": "toolenv.simulators.toolbench_service",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
