"""Tests of the wing `diagnosis`."""
