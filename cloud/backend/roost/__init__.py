"""Roost runs people's chat bots in one container and never forgets."""

__version__ = "0.1.0"
