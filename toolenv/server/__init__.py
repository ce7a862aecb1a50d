"""Simulators behind HTTP, for other people's clients."""

from toolenv.server.serving import serve
from toolenv.server.settings import ServerSettings

__all__ = ["ServerSettings", "serve"]
