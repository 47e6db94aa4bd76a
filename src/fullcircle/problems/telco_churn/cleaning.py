"""Cleaning telco rows: IBM's columns in, typed events out."""

import ibis
import ibis.expr.types as ir

from fullcircle.core.parsing.column_parser import ColumnParser, Default
from fullcircle.core.validation.row_validation import SOURCE_ROW, as_text, reject, unless
from fullcircle.problems.telco_churn.contract import CATEGORIES

TEXTS = {
    "customer_id": "customerID",
    "gender": "gender",
    "partner": "Partner",
    "dependents": "Dependents",
    "phone_service": "PhoneService",
    "multiple_lines": "MultipleLines",
    "internet_service": "InternetService",
    "online_security": "OnlineSecurity",
    "online_backup": "OnlineBackup",
    "device_protection": "DeviceProtection",
    "tech_support": "TechSupport",
    "streaming_tv": "StreamingTV",
    "streaming_movies": "StreamingMovies",
    "contract": "Contract",
    "paperless_billing": "PaperlessBilling",
    "payment_method": "PaymentMethod",
}
NUMBERS = {
    "tenure_months": "tenure",
    "monthly_charges": "MonthlyCharges",
    "total_charges": "TotalCharges",
}
SOURCES = {**TEXTS, **NUMBERS, "senior_citizen": "SeniorCitizen"}
READING = ColumnParser(
    texts={**TEXTS, "senior_citizen": "SeniorCitizen"},
    numbers=NUMBERS,
    spellings={"senior_citizen": {"1": "Yes", "0": "No"}},
    required=(*TEXTS, "senior_citizen", *NUMBERS),
    strict=(*TEXTS, "senior_citizen", *NUMBERS),
    least=dict.fromkeys(NUMBERS, 0.0),
    allowed=CATEGORIES,
    # A new customer was billed nothing yet.
    defaults={"total_charges": Default(0.0, "tenure_months", 0.0)},
)
RAW_COLUMNS = (*TEXTS.values(), "SeniorCitizen", *NUMBERS.values(), "Churn")

_REVIEWED, _CHURN_KNOWN = "ReviewedAt", "ChurnKnownAt"


def clean(raw: ir.Table) -> ir.Table:
    """Type every column and judge every row.

    A blank TotalCharges belongs to a customer of zero months and means nothing was charged yet.

    Args:
        raw: IBM's columns as text, ``source_row``, and the times ReviewedAt and ChurnKnownAt
            where the source has a history.

    Returns:
        One row per raw row, with a reason where it must be set aside.
    """
    typed = raw.select(
        SOURCE_ROW,
        **READING.columns(raw),
        churned=_as_flag(as_text(raw.Churn)),
        churned_text=as_text(raw.Churn),
        **{f"{name}_text": as_text(raw[source]) for name, source in NUMBERS.items()},
        **_times(raw),
    )
    unbilled = typed.total_charges_text.isnull() & (typed.tenure_months == 0)
    typed = typed.mutate(total_charges=ibis.ifelse(unbilled, 0.0, typed.total_charges))
    typed = reject(
        typed,
        unless(typed.customer_id.notnull(), "customerID is blank"),
        unless(
            typed.churned.notnull() | typed.churned_text.isnull(),
            "Churn is neither Yes nor No, nor blank for not known yet",
            typed.churned_text,
        ),
        *(
            unless(typed[name] >= 0, f"{source} is no number from 0", typed[f"{name}_text"])
            for name, source in NUMBERS.items()
        ),
        *(unless(typed[name].notnull(), f"{name} is blank") for name in _times(raw)),
        *(unless(typed[name].notnull(), f"{source} is blank") for name, source in TEXTS.items()),
        *(
            unless(
                typed[name].isin(allowed), f"{SOURCES[name]} is not one of {allowed}", typed[name]
            )
            for name, allowed in CATEGORIES.items()
        ),
    )
    return typed.drop("churned_text", *(f"{name}_text" for name in NUMBERS))


def _times(raw: ir.Table) -> dict[str, ir.Value]:
    """Row id and moments, where the source has a history; a snapshot has neither."""
    if _REVIEWED not in raw.columns:
        return {}
    reviewed = raw[_REVIEWED].cast("timestamp('UTC')")
    return {
        "row_id": as_text(raw.customerID) + ibis.literal("@") + reviewed.strftime("%Y-%m-%d"),
        "reviewed_at": reviewed,
        "churn_known_at": raw[_CHURN_KNOWN].cast("timestamp('UTC')"),
    }


def _as_flag(text: ir.StringValue) -> ir.IntegerValue:
    return text.cases(("Yes", 1), ("No", 0)).cast("int64")
