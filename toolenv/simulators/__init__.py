"""What answers a call: recordings, local Python, and compositions of them."""

from toolenv.simulators.base import Session, Simulator, SimulatorBase
from toolenv.simulators.coalescing import coalesce
from toolenv.simulators.composition import NOT_ANSWERS, first_of, record, rungs_of
from toolenv.simulators.local import ApiError, LocalSimulator, LocalTool
from toolenv.simulators.masking import Masked, MaskedSimulator
from toolenv.simulators.neighbour import NeighbourSimulator
from toolenv.simulators.offline import NetworkRefusedError, make_offline, offline
from toolenv.simulators.recorded import Order, RecordedSimulator
from toolenv.simulators.specification import open_simulator

__all__ = [
    "NOT_ANSWERS",
    "ApiError",
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
    "coalesce",
    "first_of",
    "make_offline",
    "offline",
    "open_simulator",
    "record",
    "rungs_of",
]
