"""How surprising counts are: bounds on the chance that they come about without a cause.

All are upper bounds by Chernoff and Hoeffding, which hold for any counts, small ones too: the true
chance is never greater. They take events as exchangeable (in any order alike).
"""

from typing import Any

import numpy as np

__all__ = ["bits", "of_count", "of_split"]

Numbers = Any  # one number, or an array of them


def of_split(part: Numbers, of: Numbers, other: Numbers, of_other: Numbers) -> np.ndarray:
    """Return the chance that two shares differ so much: `part` of `of`, `other` of `of_other`.

    The events that have something are shared out between two groups at random (hypergeometric):
    the least of four bounds, for both directions.

    >>> bool(of_split(0, 100, 5, 5) < 1e-6), float(of_split(50, 100, 5, 10))
    (True, 1.0)
    """
    a, n, b, m = (np.asarray(value, float) for value in (part, of, other, of_other))
    have, total = a + b, n + m
    exponents = [
        n * _divergence(a, n, have, total),
        m * _divergence(b, m, have, total),
        have * _divergence(a, have, n, total),
        (total - have) * _divergence(n - a, total - have, n, total),
    ]
    return _bounded(np.maximum.reduce(exponents))


def of_count(count: Numbers, of: Numbers, share: Numbers) -> np.ndarray:
    """Return the binomial chance that `count` of `of` is so far from `share`.

    >>> float(of_count(5, 10, 0.5)), bool(of_count(10, 10, 0.1) < 1e-9)
    (1.0, True)
    """
    a, n, expected = (np.asarray(value, float) for value in (count, of, share))
    return _bounded(n * _divergence(a, n, expected, np.ones_like(expected)))


def bits(part: Numbers, of: Numbers, other: Numbers, of_other: Numbers) -> np.ndarray:
    """Return how many bits a property tells of which group each event is in.

    That is the mutual information of the two, times the number of events: 0 where the shares are
    equal, and most where the property alone decides.
    """
    a, n, b, m = (np.asarray(value, float) for value in (part, of, other, of_other))
    have, total = a + b, n + m
    nats = n * _divergence(a, n, have, total) + m * _divergence(b, m, have, total)
    found: np.ndarray = nats / np.log(2)
    return found


def _divergence(a: np.ndarray, of: np.ndarray, b: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return the relative entropy of two shares in nats, 0 of an empty group."""
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = a / of, b / total
        inside = np.where(p > 0, p * np.log(p / q), 0.0)
        outside = np.where(p < 1, (1 - p) * np.log((1 - p) / (1 - q)), 0.0)
    found: np.ndarray = np.where(of > 0, np.maximum(inside + outside, 0.0), 0.0)
    return found


def _bounded(exponent: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.minimum(2 * np.exp(-np.maximum(exponent, 0)), 1.0)
    return found
