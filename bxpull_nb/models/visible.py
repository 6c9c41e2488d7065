"""Text of events as it is shown: what cannot be seen is named."""

import re

__all__ = ["visible"]

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def visible(text: str) -> str:
    """Return the text with the names of invisible characters and of those that turn it around.

    `page.js` does the same in the page. Joiners stay: emoji and Arabic words need them.
    """
    return _UNSEEN.sub(lambda found: f"\u2039U+{ord(found[0]):04X}\u203a", text)
