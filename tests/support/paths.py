"""Places in the checkout."""

from pathlib import Path

__all__ = ["NOTEBOOKS", "PROJECT", "WIRE"]

PROJECT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = PROJECT / "notebooks"
WIRE = PROJECT / "tests" / "wire"
"""Bytes recorded on the wire."""
