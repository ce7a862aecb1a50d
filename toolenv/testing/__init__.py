"""Conformance suites: who writes a simulator, policy, agent or retriever inherits its tests.

Subclass a suite in a test file, say how to make the thing, and run pytest::

    class TestMySimulator(SimulatorSuite):
        def make_simulator(self) -> Simulator:
            return MySimulator()

        ...
"""

from toolenv.testing.agents import AgentSuite
from toolenv.testing.policies import PolicySuite
from toolenv.testing.retrievers import RetrieverSuite
from toolenv.testing.simulators import SimulatorSuite

__all__ = ["AgentSuite", "PolicySuite", "RetrieverSuite", "SimulatorSuite"]
