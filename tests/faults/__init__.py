"""Everything that can go wrong between a portal and a capture, on demand and by the thousand."""
