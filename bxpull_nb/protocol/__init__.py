"""The protocol of a push server, without I/O and without a clock: frames, positions, addresses."""
