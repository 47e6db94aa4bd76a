"""The data contract of clean telco events."""

import pandera.ibis as pa

_YES_NO = ["Yes", "No"]
_ADD_ON = [*_YES_NO, "No internet service"]

CATEGORIES = {
    "gender": ["Female", "Male"],
    "senior_citizen": _YES_NO,
    "partner": _YES_NO,
    "dependents": _YES_NO,
    "phone_service": _YES_NO,
    "multiple_lines": [*_YES_NO, "No phone service"],
    "internet_service": ["DSL", "Fiber optic", "No"],
    "online_security": _ADD_ON,
    "online_backup": _ADD_ON,
    "device_protection": _ADD_ON,
    "tech_support": _ADD_ON,
    "streaming_tv": _ADD_ON,
    "streaming_movies": _ADD_ON,
    "contract": ["Month-to-month", "One year", "Two year"],
    "paperless_billing": _YES_NO,
}
NUMBERS = ("tenure_months", "monthly_charges", "total_charges")

EVENTS = pa.DataFrameSchema(
    {
        "customer_id": pa.Column(str),
        "churned": pa.Column(int, pa.Check.isin([0, 1]), nullable=True),
        "payment_method": pa.Column(str),
        **{name: pa.Column(str, pa.Check.isin(allowed)) for name, allowed in CATEGORIES.items()},
        **{name: pa.Column(float, pa.Check.ge(0)) for name in NUMBERS},
    }
)
