"""Cleaning diabetes rows: the Pima file's columns in, typed patients out."""

import ibis
import ibis.expr.types as ir

from fullcircle.core.parsing.column_parser import ColumnParser
from fullcircle.core.validation.row_validation import SOURCE_ROW, as_number, as_text, reject, unless

# Nobody lives without blood pressure or skin: a zero here says that nothing was measured.
MEASUREMENTS = {
    "glucose_mg_dl": "Glucose",
    "blood_pressure_mm_hg": "BloodPressure",
    "skin_thickness_mm": "SkinThickness",
    "insulin_mu_u_ml": "Insulin",
    "bmi_kg_m2": "BMI",
}
FACTS = {
    "pregnancies": "Pregnancies",
    "pedigree": "DiabetesPedigreeFunction",
    "age_years": "Age",
}
NUMBERS = {**MEASUREMENTS, **FACTS}
READING = ColumnParser(
    numbers=NUMBERS,
    sentinels=dict.fromkeys(MEASUREMENTS, (0.0,)),
    strict=tuple(NUMBERS),
    required=tuple(FACTS),
    least=dict.fromkeys(NUMBERS, 0.0),
)
RAW_COLUMNS = (*NUMBERS.values(), "Outcome")

_ID_DIGITS = 4


def clean(raw: ir.Table) -> ir.Table:
    """Type every column, turn a measurement's zero into null and judge every row.

    The file names no patient. ``patient_id`` is made from the row's place in it, so it means the
    same patient only as long as the file keeps its order.

    Args:
        raw: The Pima file's columns and ``source_row``.

    Returns:
        One row per raw row, with a reason where it must be set aside.
    """
    texts = {f"{name}_text": as_text(raw[source]) for name, source in NUMBERS.items()}
    texts["outcome_text"] = as_text(raw.Outcome)
    typed = raw.select(
        SOURCE_ROW,
        patient_id=_number_patient(raw[SOURCE_ROW]),
        has_diabetes=_as_flag(as_text(raw.Outcome)),
        **READING.columns(raw),
        **texts,
    )
    typed = typed.mutate(age_band=_age_band(typed.age_years))
    return _judge(typed).drop(*texts)


def _judge(typed: ir.Table) -> ir.Table:
    """Mark rows whose outcome or numbers cannot be read; a blank measurement is just missing."""
    return reject(
        typed,
        unless(
            typed.has_diabetes.notnull() | typed.outcome_text.isnull(),
            "Outcome is neither 0 nor 1, nor blank for not known yet",
            typed.outcome_text,
        ),
        *(
            unless(typed[name] >= 0, f"{source} is no number from 0", typed[f"{name}_text"])
            for name, source in FACTS.items()
        ),
        *(
            unless(_is_readable(typed, name), f"{source} is no number", typed[f"{name}_text"])
            for name, source in MEASUREMENTS.items()
        ),
    )


def _is_readable(typed: ir.Table, name: str) -> ir.BooleanValue:
    text = typed[f"{name}_text"]
    return text.isnull() | (as_number(text) >= 0).fill_null(False)


def _number_patient(source_row: ir.IntegerColumn) -> ir.StringValue:
    number = source_row.cast("string")
    padded = number.lpad(_ID_DIGITS, "0")
    return ibis.literal("patient-") + ibis.ifelse(number.length() < _ID_DIGITS, padded, number)


def _as_flag(text: ir.StringValue) -> ir.IntegerValue:
    return text.cases(("1", 1), ("0", 0)).cast("int64")


def _age_band(age_years: ir.FloatingColumn) -> ir.StringValue:
    return ibis.cases(
        (age_years < 30, "under 30"), (age_years < 45, "30 to 44"), else_="45 and over"
    )
