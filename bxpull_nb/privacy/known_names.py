"""Names that were met in name fields, found again in free text: any case, any order of words."""

import re
from collections.abc import Callable, Iterator, Sequence
from unicodedata import combining, normalize

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
    """The names met so far. `pseudonym` makes the pseudonym of a name's words in one order."""

    def __init__(self, pseudonym: Callable[[str], str]) -> None:
        self._pseudonym = pseudonym
        self._whole: dict[str, str] = {}  # the words of a whole name, sorted: its pseudonym
        self._words: dict[str, str | None] = {}  # a word: its pseudonym where it is a name alone
        self._stems: dict[str, str] = {}  # a Cyrillic word without its ending: the word

    def __len__(self) -> int:
        return len(self._whole) + sum(value is not None for value in self._words.values())

    def pseudonym_of(self, words: Sequence[str]) -> str:
        """Return the pseudonym of a name, whatever the order of its words."""
        key = _key(words)
        return self._whole.get(key) or self._pseudonym(key)

    def learn(self, words: Sequence[str], person: str, *, alone: bool) -> None:
        """Know the name as this person's, and each word as a name where it may be `alone`."""
        if not 1 <= len(words) <= _LONGEST:
            return
        if len(words) > 1:
            self._whole[_key(words)] = person
        for word in words:
            is_name = alone and len(word) > 1 and word not in PARTICLES
            if is_name and self._words.get(word) is None:
                self._words[word] = self._pseudonym(word)
            self._words.setdefault(word, None)
            self._stems.setdefault(_stem(word), word)

    def replaced(self, text: str) -> str:
        """Return the text with each known name replaced; the text itself where there is none."""
        if not self._words:
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
            person = self._whole.get(_key(words[:count]))
            if person is not None:
                return count, person
        return 1, self._words[words[0]] if words else None

    def _known(self, word: str) -> str | None:
        """Return the known word that this is, perhaps in another Russian case; None without."""
        if word in self._words:
            return word
        if "\u0400" <= word[:1] <= "\u04ff":
            for cut in range(4):
                stem, ending = word[: len(word) - cut], word[len(word) - cut :]
                if len(stem) >= _SHORTEST_STEM and ending in _ENDINGS and stem in self._stems:
                    return self._stems[stem]
        return None


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


def _key(words: Sequence[str]) -> str:
    return " ".join(sorted(words))


def _stem(word: str) -> str:
    """Return a Russian word without the ending of its first case."""
    for ending in ("ая", "яя", "ии", "ыи", "ои", "а", "я", "и", "ь", "о", "е", "ы"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


_ENDINGS = {"", *map(_plain, ENDINGS)}
