"""Writing events to CSV, Excel, Parquet and JSON lines, reading them; `params` as columns."""

from bxpull_nb.params import expand_params
from bxpull_nb.storage.export.csv import to_csv
from bxpull_nb.storage.export.excel import to_excel
from bxpull_nb.storage.export.jsonl import to_jsonl
from bxpull_nb.storage.export.parquet import to_parquet
from bxpull_nb.storage.export.reading import read_events

__all__ = ["expand_params", "read_events", "to_csv", "to_excel", "to_jsonl", "to_parquet"]
