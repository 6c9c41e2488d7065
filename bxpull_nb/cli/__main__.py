"""Run `bxpull` as `python -m bxpull_nb.cli`."""

from bxpull_nb.cli.commands import main

if __name__ == "__main__":
    main()
