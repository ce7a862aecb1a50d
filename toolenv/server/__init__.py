"""Simulators behind HTTP, for other people's clients."""
