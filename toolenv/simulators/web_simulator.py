"""What simulators of servers behind HTTP have in common: one web client, opened and closed."""

from __future__ import annotations

from toolenv.simulators.live import LiveSimulator
from toolenv.simulators.web import WebClient

__all__ = ["WebSimulator"]


class WebSimulator(LiveSimulator):
    """Base of live simulators that ask over HTTP; whoever derives from it sets ``_client``."""

    _client: WebClient

    @property
    def requests_made(self) -> int:
        """Requests sent so far, retries and redirects included."""
        return self._client.budget.used

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
