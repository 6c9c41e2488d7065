"""Tests of the wing `listener`."""
