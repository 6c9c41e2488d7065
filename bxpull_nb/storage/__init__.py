"""Where events are kept: the log in memory, the journal on disk, exported files, datasets."""
