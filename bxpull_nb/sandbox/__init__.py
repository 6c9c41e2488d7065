"""The embedded portal: REST, push server and demo traffic on one loopback address."""

from bxpull_nb.sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]
