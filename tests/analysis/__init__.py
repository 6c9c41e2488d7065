"""Tests of the wing `analysis`."""
