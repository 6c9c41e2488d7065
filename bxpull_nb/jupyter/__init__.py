"""What only a notebook needs: the control panel, its parts, and `%bxpull`."""
