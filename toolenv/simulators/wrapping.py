"""What wrappers share: they answer as what they wrap does, unless they say so."""

from __future__ import annotations

from toolenv.simulators.base import Simulator, SimulatorBase

__all__ = ["Wrapper"]


class Wrapper(SimulatorBase):
    """Base of simulators that change how another one is asked.

    Args:
        simulator: What answers; closed with the wrapper.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    @property
    def fingerprint(self) -> str:
        """That of what answers; wrappers that change answers override it."""
        return self.simulator.fingerprint

    def close(self) -> None:
        """Close what answers."""
        self.simulator.close()
