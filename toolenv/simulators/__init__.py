"""What answers a call: recordings, local Python, and compositions of them."""

from toolenv.simulators.base import Session, Simulator, SimulatorBase
from toolenv.simulators.composition import NOT_ANSWERS, first_of, record
from toolenv.simulators.local import ApiError, LocalSimulator, LocalTool
from toolenv.simulators.recorded import Order, RecordedSimulator
from toolenv.simulators.specification import open_simulator

__all__ = [
    "NOT_ANSWERS",
    "ApiError",
    "LocalSimulator",
    "LocalTool",
    "Order",
    "RecordedSimulator",
    "Session",
    "Simulator",
    "SimulatorBase",
    "first_of",
    "open_simulator",
    "record",
]
