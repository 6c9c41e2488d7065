"""Tests of the wing `collector`."""
