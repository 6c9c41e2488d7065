"""Tests of the wing `rest`."""
