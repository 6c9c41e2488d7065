"""Tests of the wing `jupyter`."""
