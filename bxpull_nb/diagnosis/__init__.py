"""What keeps a portal's events from arriving, looked for from the portal to the last hop."""

from bxpull_nb.diagnosis.doctor import doctor
from bxpull_nb.diagnosis.finding import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "doctor"]
