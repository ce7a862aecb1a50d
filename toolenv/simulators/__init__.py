"""What answers a call: recordings, local Python, and compositions of them."""

from toolenv.simulators.base import Session, Simulator, SimulatorBase
from toolenv.simulators.coalescing import coalesce
from toolenv.simulators.composition import NOT_ANSWERS, first_of, record, rungs_of
from toolenv.simulators.fault_plan import FaultPlan, Latency
from toolenv.simulators.faults import inject_faults
from toolenv.simulators.limiting import BudgetSpentError, limit
from toolenv.simulators.local import ApiError, LocalSimulator, LocalTool
from toolenv.simulators.masking import Masked, MaskedSimulator
from toolenv.simulators.neighbour import NeighbourSimulator
from toolenv.simulators.offline import NetworkRefusedError, make_offline, offline
from toolenv.simulators.recorded import Order, RecordedSimulator
from toolenv.simulators.retrying import PASSING, retry
from toolenv.simulators.specification import open_simulator
from toolenv.simulators.truncating import truncate
from toolenv.simulators.wrapping import Wrapper

__all__ = [
    "NOT_ANSWERS",
    "PASSING",
    "ApiError",
    "BudgetSpentError",
    "FaultPlan",
    "Latency",
    "LocalSimulator",
    "LocalTool",
    "Masked",
    "MaskedSimulator",
    "NeighbourSimulator",
    "NetworkRefusedError",
    "Order",
    "RecordedSimulator",
    "Session",
    "Simulator",
    "SimulatorBase",
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
