"""Tests of the sources besides the channels."""
