"""A capture as a user holds it: the feed, what happened beside its events, and replays."""
