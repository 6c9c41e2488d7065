"""Tests of paths and values in the JSON of params."""
