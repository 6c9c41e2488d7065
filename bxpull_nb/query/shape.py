"""The shape of one command's params: a tree of types, made from the rows of its paths."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bxpull_nb.params.path import ANY_ID, EACH, All, Key, Path
from bxpull_nb.query.path_stats import TYPES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Shape", "shape_of"]


@dataclass
class Shape:
    """The values of one path, with the shapes of the values within them."""

    types: Counter[str] = field(default_factory=Counter)
    """The number of values of each type."""
    keys: dict[str, "Shape"] = field(default_factory=dict)
    values: "Shape | None" = None
    """Values of a map; None where no object is a map."""
    items: "Shape | None" = None
    """Elements of an array; None where all arrays are empty."""

    def required(self, key: str) -> bool:
        """Whether all objects have the key; none is when some are maps."""
        count = sum(self.keys[key].types.values())
        return self.values is None and count == self.types["object"]

    def to_json_schema(self) -> dict[str, Any]:
        """Return the shape as JSON Schema."""
        types = [kind for kind in TYPES if self.types[kind]]
        if {"integer", "number"} <= set(types):
            types.remove("integer")  # JSON Schema counts integers as numbers
        found: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
        if self.keys:
            found["properties"] = {
                key: inner.to_json_schema() for key, inner in sorted(self.keys.items())
            }
            required = [key for key in sorted(self.keys) if self.required(key)]
            found |= {"required": required} if required else {}
        if self.values is not None:
            found["additionalProperties"] = self.values.to_json_schema()
        if self.items is not None:
            found["items"] = self.items.to_json_schema()
        return found


def shape_of(rows: "pd.DataFrame") -> Shape:
    """Return the shape of one command from its rows of `bx.schema`."""
    pairs = zip(rows["path"], rows["counts"], strict=True)
    found: dict[Path, Counter[str]] = {Path.of(path): Counter(counts) for path, counts in pairs}
    root = Shape(found.pop(Path(), Counter()))
    if not root.types:  # all params are objects; as many as the most frequent key, at least
        root.types["object"] = round(max(rows["events"] / rows["share"]))
    for path, types in found.items():
        _at(root, path).types = types
    return root


def _at(shape: Shape, path: Path) -> Shape:
    """Return the shape at a path, made where it is missing."""
    for step in path:
        if isinstance(step, Key):
            shape = shape.keys.setdefault(step.name, Shape())
        elif step == All(EACH):
            shape.items = shape = shape.items or Shape()
        elif step == All(ANY_ID):
            shape.values = shape = shape.values or Shape()
    return shape
