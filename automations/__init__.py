"""A trigger and action engine that people trust with their customers."""

__version__ = "0.1.0"
