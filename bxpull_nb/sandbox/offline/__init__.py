"""Offline events: bindings, the queue, and the doorbell that announces its records."""
