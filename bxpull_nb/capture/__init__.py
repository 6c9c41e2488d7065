"""A capture as a user holds it: the feed, what happened besides its events, and replays."""
