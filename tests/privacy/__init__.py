"""Tests of the wing `privacy`."""
