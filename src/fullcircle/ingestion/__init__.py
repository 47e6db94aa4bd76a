"""Reading tables: text, JSON, Excel, Parquet, Delta and databases become one table of raw values.

What a file is and how it is written is told by the file; what was decided is told with it. A table
is copied, so that a run reads what it read before whatever becomes of the source. Text stays text,
as it was written: nothing is lost before it is read by its kind.
"""

from fullcircle.ingestion.copying import CopiedTable, copy_table
from fullcircle.ingestion.options import ReadOptions
from fullcircle.ingestion.source import Source
from fullcircle.ingestion.sources import open_source

__all__ = ["CopiedTable", "ReadOptions", "Source", "copy_table", "open_source"]
