"""The most memory that a process had."""

import re
import sys
from pathlib import Path

__all__ = ["peak_bytes"]


def peak_bytes() -> int:
    """Return the most bytes of memory that this process had since its program began.

    On Linux `getrusage` counts the memory of the parent too, from before the program began.
    """
    status = Path("/proc/self/status")
    if status.exists():
        text = status.read_text(encoding="ascii", errors="replace")
        [kilobytes] = re.findall(r"VmHWM:\s*(\d+) kB", text)
        return int(kilobytes) * 1024
    from resource import RUSAGE_SELF, getrusage

    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
