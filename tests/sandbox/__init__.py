"""Tests of the wing `sandbox`."""
