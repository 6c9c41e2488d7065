"""The documents lead to what exists: headings, files, names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
PROTOCOL = ROOT / "docs" / "protocol.md"
SOURCES = [
    path for folder in ("bxpull_nb", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(path for path in [ROOT / "CONTRIBUTING.md"] if path.exists()),
]

_NUMBER = r"\d+\.\d+"
_CITATION = re.compile(rf"\bprotocol\s+({_NUMBER}(?:(?:,\s+|\s+and\s+|-){_NUMBER})*)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_GLOSSARY_ENTRY = re.compile(r"\[`(\w+)`\]\(\.\./([^)]+)\)")


def citations(text: str) -> list[str]:
    """Return the sections of the protocol that the text cites: `protocol 1.1, 1.4`, `2.1-2.8`."""
    lines = re.sub(r"\n\s*#?\s*", " ", text)  # a citation may go on in the next line
    return [number for found in _CITATION.findall(lines) for number in re.findall(_NUMBER, found)]


def sections() -> set[str]:
    """Return the numbers of the protocol's sections."""
    found = (re.match(_NUMBER, heading) for heading in headings(PROTOCOL))
    return {number[0] for number in found if number}


def headings(page: Path) -> list[str]:
    """Return the headings of a page, without those that are comments in code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def glossary_rows() -> list[list[str]]:
    """Return the cells of each term: term, meaning, code."""
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return [row for row in rows if row[0] != "term"]


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead to no file, or to no heading."""
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"\w+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (fragment and fragment not in map(anchor, headings(target))):
            broken.append(link)
    return broken


def test_citations_are_found_in_every_spelling() -> None:
    """In lists, ranges and broken lines; a version of the protocol is no citation."""
    assert citations("(protocol 1.1, 1.4)") == ["1.1", "1.4"]
    assert citations("(protocol 2.1-2.8)") == ["2.1", "2.8"]
    assert citations("as protocol 2.5 and 2.11 have it") == ["2.5", "2.11"]
    assert citations("# protocol\n    # 2.3: servers of protocol 4") == ["2.3"]


def test_every_citation_of_the_protocol_resolves() -> None:
    """Each number in the sources is a section of docs/protocol.md."""
    cited = {
        (number, path.name)
        for path in SOURCES
        if path != Path(__file__)
        for number in citations(path.read_text(encoding="utf-8"))
    }
    assert cited
    assert sorted(one for one in cited if one[0] not in sections()) == []


def test_pages_cite_sections_that_exist() -> None:
    """The numbers in the glossary, and those by which sections refer to each other."""
    glossary = re.findall(rf"\(({_NUMBER})\)", GLOSSARY.read_text(encoding="utf-8"))
    own = re.findall(rf"\b(?:see|of|in) ({_NUMBER})\b", PROTOCOL.read_text(encoding="utf-8"))
    assert glossary
    assert own
    assert {*glossary, *own} - sections() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    """To a file, and with `#` to one of its headings."""
    assert broken_links(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    """A missing file, and a heading that is not there."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` 1.1 heading\n```sh\n# no heading\n```\n[a](page.md#a-b-11-heading) [w](https://x.y/z)"
        " [b](none.md) [c](#no-heading) ![d](none.png)",
        encoding="utf-8",
    )
    assert broken_links(page) == ["none.md", "#no-heading", "none.png"]


def test_the_glossary_names_what_exists() -> None:
    """Every term has a file, and the file has the name."""
    for *_, code in glossary_rows():
        found = _GLOSSARY_ENTRY.fullmatch(code)
        assert found, code
        name, path = found.groups()
        assert (ROOT / path).is_file(), path
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8")), code


def test_the_glossary_has_one_row_a_term() -> None:
    """A word means one thing."""
    terms = [term for term, *_ in glossary_rows()]
    assert len(terms) > 50
    assert len(terms) == len(set(terms))
