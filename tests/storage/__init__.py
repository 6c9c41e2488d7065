"""Tests of the wing `storage`."""
