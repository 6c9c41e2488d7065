"""Parts for notebooks only: the control panel, its widgets, and `%bxpull`."""
