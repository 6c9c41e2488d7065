"""Tests of the wing `capture`."""
