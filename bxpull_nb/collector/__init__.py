"""Weeks of events into a dataset: the capture, and its counters for those who watch over it."""

from bxpull_nb.collector.collector import Collector, CollectorStats
from bxpull_nb.collector.metrics import metrics_text, serving_metrics

__all__ = ["Collector", "CollectorStats", "metrics_text", "serving_metrics"]
