"""Files that people really have are cut into the rows and columns that they mean."""

import pandas as pd
import pytest
from tests.cases.case_files import read_case, told


def test_separator_is_the_one_that_leaves_numbers() -> None:
    """c03: commas in the header and in the numbers do not make the comma the separator."""
    frame, _ = read_case("c03", "messung.csv")
    assert list(frame.columns) == ["Temperatur, °C", "Feuchte, %", "Wind, m/s", "Ertrag, kg"]
    assert (len(frame), frame.iloc[0].tolist()) == (900, ["21,23", "98,95", "2,57", "18,42"])


def test_names_lose_blanks_and_line_breaks() -> None:
    """c10: blanks around a name and a line break within it do not hide the column."""
    frame, _ = read_case("c10", "pumps.csv", "Failed")
    assert {"Failed", "Flow", "Temp. °C", "Output (l/min)"} <= set(frame.columns)


def test_units_row_is_no_row() -> None:
    """c16: the line of units is set aside and said, and all names can be told apart."""
    frame, findings = read_case("c16", "pumps.csv", "fault")
    assert set(frame["fault"]) == {"0", "1"}
    assert "units: -, bar" in told(findings, "layout")
    assert len(set(frame.columns)) == 8
    assert pd.to_numeric(frame["温度"], errors="coerce").notna().mean() > 0.99


@pytest.mark.parametrize(("file", "passed"), [("report.csv", 5), ("report_title_only.csv", 1)])
def test_titles_and_totals_are_passed_over(file: str, passed: int) -> None:
    """c17: the header is found below titles, and the total is no row; all is counted."""
    frame, findings = read_case("c17", file)
    assert list(frame.columns) == [
        "pump", "pressure", "flow", "vibration", "temperature", "valve", "fault",
    ]  # fmt: skip
    assert (len(frame), set(frame["fault"])) == (1000, {"0", "1"})
    assert f"{1001 + passed:,} records in the source: 1,000 rows read" in told(findings, "rows")


def test_stated_size_of_a_sheet_is_not_believed() -> None:
    """c19: a workbook that says it has one cell gives all 600 rows and 7 columns."""
    assert read_case("c19", "export.xlsx")[0].shape == (600, 7)


def test_monthly_files_are_joined_by_name() -> None:
    """c22: another order, capitals and one more column are joined by name, and said."""
    frame, findings = read_case("c22", "*.csv", "late")
    assert len(frame) == 1800
    assert pd.to_numeric(frame["distance"]).mean() > 10 * pd.to_numeric(frame["weight"]).mean()
    assert frame["driver_note"].notna().sum() <= 300
    said = told(findings, "columns")
    assert "parcels_2025_04.csv writes Depot, Late where others write depot, late" in said
    assert "driver_note is only in parcels_2025_05.csv" in said


@pytest.mark.parametrize("file", ["r_row_names.csv", "trailing_semicolon.csv"])
def test_fields_stand_in_their_columns(file: str) -> None:
    """c24: row names without a name, and separators at the end, move no field."""
    frame, findings = read_case("c24", file, "fault")
    assert set(frame["fault"]) == {"0", "1"}
    assert set(frame["valve"]) == {"A", "B", "C"}
    assert told(findings, "layout")


@pytest.mark.parametrize(
    "file", ["a_few_nuls.csv", "excel_unicode_text.txt", "sql_export_no_bom.txt"]
)
def test_bytes_become_the_letters_meant(file: str) -> None:
    """c25: UTF-16 with and without a mark, and single zero bytes, give the same table."""
    frame, _ = read_case("c25", file)
    assert list(frame.columns) == [
        "parcel", "distance", "weight", "depot", "service", "stops", "late",
    ]  # fmt: skip
    assert len(frame) == 900
    assert {"Süd", "Nørre"} <= set(frame["depot"])


def test_quotes_keep_rows_apart() -> None:
    """c27: all 900 rows come, whatever the quotes; one that never closes costs its own row."""
    whole, _ = read_case("c27", "well_quoted.csv")
    escaped, _ = read_case("c27", "backslash_escapes.csv")
    pd.testing.assert_frame_equal(whole, escaped)
    lone, _ = read_case("c27", "lone_quote.csv")
    assert (len(lone), (lone["note"] == 'rod 12" long').sum() > 0) == (900, True)
    unclosed, findings = read_case("c27", "unclosed_quote.csv")
    assert len(unclosed) == 899
    assert "line 121 has a fault: a quote opens a field and never closes" in told(
        findings, "rejected"
    )
    assert "901 records in the source: 899 rows read, 1 rejected, 1 header" in told(
        findings, "rows"
    )


def test_json_of_every_shape_is_one_table() -> None:
    """c28: an array, lines, packed lines and a wrapped list are the same 800 rows."""
    wanted, _ = read_case("c28", "lines.jsonl")
    assert wanted.shape == (800, 10)
    assert wanted["site.height"].iloc[0] == "347"
    for file in ("array.json", "wrapped.json", "lines.jsonl.gz"):
        pd.testing.assert_frame_equal(read_case("c28", file)[0], wanted)
    assert len(read_case("c28", "pretty.json")[0]) == 400
    literals, _ = read_case("c28", "nan_literals.jsonl")
    assert len(literals) == 800
    assert "NaN" not in set(literals["flow"].dropna())


def test_one_table_in_four_kinds_of_file() -> None:
    """c50: tab, semicolon, Latin-1 and Excel give the same rows."""
    tab, _ = read_case("c50", "parcels_tab.txt")
    semicolon, _ = read_case("c50", "parcels_semicolon.csv")
    latin, _ = read_case("c50", "parcels_latin1.csv")
    excel, _ = read_case("c50", "parcels.xlsx")
    numbers = ["distance", "weight", "stops", "cost"]
    wanted = tab[numbers].astype(float)
    points = semicolon[numbers].apply(lambda column: column.str.replace(",", "."))
    for other in (points, latin[numbers], excel[numbers]):
        pd.testing.assert_frame_equal(other.astype(float), wanted)
    assert "Kölner Hafen" in set(latin["depot"])


def test_row_names_of_r() -> None:
    """r02: 8,143 minutes whose rows have a name that the header lacks."""
    frame, _ = read_case("r02", "datatraining.txt", "Occupancy")
    assert (len(frame), set(frame["Occupancy"])) == (8143, {"0", "1"})
    assert frame["date"].iloc[0] == "2015-02-04 17:51:00"


@pytest.mark.parametrize(
    ("case", "file", "rows", "columns"),
    [("r04", "crx.data", 690, 16), ("r06", "diagnosis.data", 120, 8)],
)
def test_no_header_is_seen(case: str, file: str, rows: int, columns: int) -> None:
    """r04, r06: a first line of values is a row, without being told so."""
    frame, _ = read_case(case, file)
    assert frame.shape == (rows, columns)
    assert frame.columns[0] == "column_1"


def test_other_sheets_are_named() -> None:
    """r10: one of five sheets is read, and the others are named."""
    frame, findings = read_case("r10", "Folds5x2_pp.xlsx")
    assert frame.shape == (9568, 5)
    assert "4 more: Sheet2, Sheet3, Sheet4, Sheet5" in told(findings, "sheet")
