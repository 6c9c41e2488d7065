"""A capture of weeks into a dataset, and its counters for Prometheus (in `metrics`)."""

from bxpull_nb.collector.collector import Collector, CollectorStats

__all__ = ["Collector", "CollectorStats"]
