"""Taking tables in: CSV, Excel, JSON lines, Parquet, Delta and databases become one Parquet file.

A table is copied, so that a run reads what it read before whatever becomes of the source. Text
stays text, as it was written: nothing is lost before it is judged.
"""

from fullcircle.intake.delimited import Dialect
from fullcircle.intake.source import Source
from fullcircle.intake.sources import open_source
from fullcircle.intake.taking import Taken, take_table

__all__ = ["Dialect", "Source", "Taken", "open_source", "take_table"]
