"""The sandbox's push server: channels, connections, dialects, history, faults."""
