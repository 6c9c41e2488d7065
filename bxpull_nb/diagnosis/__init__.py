"""The doctor: checks every hop of an event's way, from the portal to here."""

from bxpull_nb.diagnosis.doctor import doctor
from bxpull_nb.diagnosis.finding import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "doctor"]
