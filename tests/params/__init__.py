"""Tests of the wing `params`."""
