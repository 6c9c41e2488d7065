"""Bounds on chances: never below the exact ones, and small where there is a cause."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bxpull_nb.query.chance import bits, of_count, of_split

sizes = st.integers(0, 30)


def hypergeometric(part: int, of: int, other: int, of_other: int) -> float:
    """Return the exact chance of a split at least so uneven, both tails of it."""
    have, total = part + other, of + of_other
    terms = {n: comb(of, n) * comb(of_other, have - n) for n in range(min(of, have) + 1)}
    whole = comb(total, have)
    upper = sum(term for n, term in terms.items() if n >= part) / whole
    lower = sum(term for n, term in terms.items() if n <= part) / whole
    return min(1.0, 2 * min(upper, lower))


@given(sizes, sizes, sizes, sizes)
def test_the_chance_of_a_split_is_never_less_than_the_exact_one(
    part: int, more: int, other: int, rest: int
) -> None:
    """For any counts, small ones and zeros too."""
    groups = (part, part + more, other, other + rest)
    assert float(of_split(*groups)) >= hypergeometric(*groups) - 1e-12


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.01, 0.99))
def test_the_chance_of_a_count_is_never_less_than_the_exact_one(
    count: int, more: int, share: float
) -> None:
    """Of a binomial, both tails."""
    of = count + more
    terms = [comb(of, n) * share**n * (1 - share) ** (of - n) for n in range(of + 1)]
    exact = min(1.0, 2 * min(sum(terms[count:]), sum(terms[: count + 1])))
    assert float(of_count(count, of, share)) >= exact - 1e-9


def test_a_clear_difference_has_a_small_chance() -> None:
    """And no difference has none."""
    assert of_split(0, 1000, 10, 1000 // 10) < 1e-9
    assert float(of_split(50, 100, 5, 10)) == 1
    assert float(of_split(0, 0, 0, 0)) == 1
    assert of_count(0, 100, 0.5) < 1e-20


def test_bits_are_most_where_a_property_decides() -> None:
    """One bit an event where half of them are selected."""
    assert float(bits(50, 50, 0, 50)) == pytest.approx(100)
    assert float(bits(25, 50, 25, 50)) == 0
