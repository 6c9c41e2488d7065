"""Questions about what is inside events, asked of any place that holds them.

Each function takes a feed, a DataFrame of pandas or Dask, a file, a journal or a dataset (see
`source`) and returns a DataFrame. Values inside `params` are named by paths (see `params.path`),
entities by the rules in `entity_rules`.
"""

from bxpull_nb.query.compare import compare
from bxpull_nb.query.diff import diff
from bxpull_nb.query.entities import entities
from bxpull_nb.query.entity_rules import entity
from bxpull_nb.query.explain import explain
from bxpull_nb.query.model import model
from bxpull_nb.query.pairs import pairs
from bxpull_nb.query.schema import schema
from bxpull_nb.query.search import search
from bxpull_nb.query.sql import sql
from bxpull_nb.query.stages import stages
from bxpull_nb.query.trace import trace
from bxpull_nb.query.unusual import unusual

__all__ = [
    "compare",
    "diff",
    "entities",
    "entity",
    "explain",
    "model",
    "pairs",
    "schema",
    "search",
    "sql",
    "stages",
    "trace",
    "unusual",
]
