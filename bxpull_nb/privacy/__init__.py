"""Personal data, replaced by pseudonyms before anything is stored, logged or shown.

`Pseudonyms` is the entry point: it holds the key and the names that it has met. `fields` decides
by keys which values are personal, `texts` finds e-mails, phones and known names in free text, and
`frames` writes a batch with pseudonyms only.
"""

from bxpull_nb.privacy.frames import private_batch
from bxpull_nb.privacy.pseudonyms import Pseudonyms, checked_pseudonyms
from bxpull_nb.privacy.table import pseudonymised

__all__ = ["Pseudonyms", "checked_pseudonyms", "private_batch", "pseudonymised"]
