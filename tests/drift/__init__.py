"""The long run of the watch for drift, on demo traffic without any."""
