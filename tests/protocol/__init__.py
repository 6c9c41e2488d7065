"""Tests of the wing `protocol`."""
