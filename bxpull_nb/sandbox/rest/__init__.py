"""The sandbox's portal: REST methods, OAuth, limits, faults."""
