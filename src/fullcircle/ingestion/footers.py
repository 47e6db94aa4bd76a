"""What stands behind the last row of a table: totals, notes and lines of nothing."""

import re
from collections.abc import Sequence

from fullcircle.ingestion.headers import count_filled
from fullcircle.ingestion.lines import Record

_TOTAL = re.compile(
    r"(?i)\W*(?:grand |sub)?(?:total|totals|sum|summe|gesamt|insgesamt|zwischensumme|average|mean|"
    r"mittelwert|somme|totale|suma|итого|всего|合計|总计|合计)\b.*"
)
_END = re.compile(
    r"(?i)\W*(?:end of (?:report|file|data)|\(?\d+ rows?(?: affected| selected)?\)?|source|quelle|"
    r"notes?|fu(?:ß|ss)note|generated|created|printed|exported|report|stand|copyright|©)\b.*"
)


def count_footer(tail: Sequence[Record], width: int, rows: Sequence[list[str]]) -> int:
    """Count the records at the end that are no rows: totals, notes and lines of nothing."""
    if width < 2 or len(rows) < 4:
        return 0
    body = sorted(count_filled(row) for row in rows[1:] if len(row) == width) or [0]
    full = body[len(body) // 2]
    said = 0
    for count, record in enumerate(reversed(tail[max(len(tail) - 200, 1) :]), start=1):
        if not _ends_table(record.fields, width, full):
            break
        if count_filled(record.fields):
            said = count
    return said  # what holds nothing at all is passed over anyway


def _ends_table(row: Sequence[str], width: int, full: int) -> bool:
    fill = count_filled(row)
    first = next((cell.strip() for cell in row if cell.strip()), "")
    if not fill:
        return True
    if _TOTAL.fullmatch(first) and fill < full and width > 2:
        return True
    if fill == 1 and full >= 3:
        return len(row) < width or bool(_END.fullmatch(first))
    return len(row) < width and fill < 0.5 * full and bool(_END.fullmatch(first))
