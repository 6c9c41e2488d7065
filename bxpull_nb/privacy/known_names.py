"""Names that were met in name fields, found again in free text: any case and order of words."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from unicodedata import combining, normalize

from bxpull_nb.privacy.memory import Memory
from bxpull_nb.privacy.vocabulary import ENDINGS, PARTICLES

__all__ = ["KnownNames", "words_of"]

_LETTER = r"(?:[^\W\d_][\u0300-\u036f]*)"
_JOINT = r"(?:['’ʼ`´‐-]|&#0?39;|&apos;|&rsquo;)"  # PHP escapes an apostrophe in most texts
_LETTERS = re.compile(f"{_LETTER}+")
_WORD = re.compile(f"{_LETTER}+(?:{_JOINT}{_LETTER}+)*")
_JOINTS = re.compile(_JOINT)
_GAP = re.compile(r"[\s\u00a0._+,-]{1,3}|&nbsp;|%20")
_LONGEST = 5  # words of a name
_SHORTEST_STEM = 2  # letters: as in Ева


class KnownNames:
    """The names met so far: digests of words in `memory`, by `digest`.

    `pseudonym` makes the pseudonym of a name's words in one order.
    """

    def __init__(
        self, memory: Memory, digest: Callable[[str], str], pseudonym: Callable[[str], str]
    ) -> None:
        self._memory = memory
        self._digest = digest
        self._pseudonym = pseudonym

    def pseudonym_of(self, words: Sequence[str]) -> str:
        """Return the pseudonym of a name, whatever the order of its words."""
        known = self._memory.get(self._whole(map(self._digest, words)))
        return known or self._pseudonym(" ".join(sorted(words)))

    def learn(self, words: Sequence[str], person: str, *, alone: bool) -> None:
        """Know the name as this person's; if `alone`, each of its words too."""
        if not 1 <= len(words) <= _LONGEST:
            return
        ids = list(map(self._digest, words))
        if len(words) > 1:
            self._memory.put(self._whole(ids), person)
        for word, number in zip(words, ids, strict=True):
            is_name = alone and len(word) > 1 and word not in PARTICLES
            if is_name and not self._memory.get(f"w{number}"):
                self._memory.put(f"w{number}", self._pseudonym(word))
            for key, value in ((f"w{number}", ""), (f"s{self._digest(_stem(word))}", number)):
                if key not in self._memory:
                    self._memory.put(key, value)

    def replaced(self, text: str) -> str:
        """Return the text with each known name replaced; the text itself where there is none."""
        if "w" not in self._memory.kinds:
            return text
        found = [(start, end, self._known(word)) for start, end, word in self._tokens(text)]
        pieces, at, place = list[str](), 0, 0
        while place < len(found):
            count, person = self._name_at(text, found, place)
            if person is not None:
                pieces += [text[at : found[place][0]], person]
                at = found[place + count - 1][1]
            place += count
        return "".join([*pieces, text[at:]]) if pieces else text

    def _tokens(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield the words of a text; a compound that is unknown as its parts."""
        for found in _WORD.finditer(text):
            word = _plain(found[0])
            if self._known(word) is not None or _LETTERS.fullmatch(found[0]):
                yield found.start(), found.end(), word
                continue
            for part in _LETTERS.finditer(text, found.start(), found.end()):
                yield part.start(), part.end(), _plain(part[0])

    def _name_at(
        self, text: str, found: Sequence[tuple[int, int, str | None]], place: int
    ) -> tuple[int, str | None]:
        """Return how many words the name at this place has, and its pseudonym; 1 and None."""
        words = list[str]()
        for start, _, word in found[place : place + _LONGEST]:
            if word is None or (
                words and not _GAP.fullmatch(text, found[place + len(words) - 1][1], start)
            ):
                break
            words.append(word)
        for count in range(len(words), 1, -1):
            person = self._memory.get(self._whole(words[:count]))
            if person is not None:
                return count, person
        return 1, (self._memory.get(f"w{words[0]}") or None) if words else None

    def _known(self, word: str) -> str | None:
        """Return the digest of the known word that this is, perhaps in another Russian case."""
        number = self._digest(word)
        if f"w{number}" in self._memory:
            return number
        if "\u0400" <= word[:1] <= "\u04ff":
            for cut in range(4):
                stem, ending = word[: len(word) - cut], word[len(word) - cut :]
                if len(stem) >= _SHORTEST_STEM and ending in _ENDINGS:
                    known = self._memory.get(f"s{self._digest(stem)}")
                    if known is not None:
                        return known
        return None

    def _whole(self, ids: Iterable[str]) -> str:
        """Return the key of a name, whatever the order of its words."""
        return f"n{self._digest(' '.join(sorted(ids)))}"


def words_of(name: str) -> list[str]:
    """Return the words of a name in the form in which names are compared.

    >>> words_of("Jürgen O’Neil")
    ['jurgen', "o'neil"]
    """
    return [_plain(word) for word in _WORD.findall(name)]


def _plain(word: str) -> str:
    """Return the word without case, accents and the spelling of its apostrophe."""
    if word.isascii() and word.isalpha():
        return word.lower()
    joined = _JOINTS.sub(lambda m: "-" if m[0] in "-‐" else "'", word)
    marked = normalize("NFKD", joined.casefold())
    return "".join(filter(lambda one: not combining(one), marked))


def _stem(word: str) -> str:
    """Return a Russian word without the ending of its first case."""
    for ending in ("ая", "яя", "ии", "ыи", "ои", "а", "я", "и", "ь", "о", "е", "ы"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


_ENDINGS = {"", *map(_plain, ENDINGS)}
