"""The data contract of clean telco events."""

import pandera.ibis as pa

_YES_NO = pa.Check.isin(["Yes", "No"])
_ADD_ON = pa.Check.isin(["Yes", "No", "No internet service"])

EVENTS = pa.DataFrameSchema(
    {
        "customer_id": pa.Column(str),
        "churned": pa.Column(int, pa.Check.isin([0, 1]), nullable=True),
        "gender": pa.Column(str, pa.Check.isin(["Female", "Male"])),
        "senior_citizen": pa.Column(str, _YES_NO),
        "partner": pa.Column(str, _YES_NO),
        "dependents": pa.Column(str, _YES_NO),
        "tenure_months": pa.Column(float, pa.Check.in_range(0, 1200)),
        "phone_service": pa.Column(str, _YES_NO),
        "multiple_lines": pa.Column(str, pa.Check.isin(["Yes", "No", "No phone service"])),
        "internet_service": pa.Column(str, pa.Check.isin(["DSL", "Fiber optic", "No"])),
        "online_security": pa.Column(str, _ADD_ON),
        "online_backup": pa.Column(str, _ADD_ON),
        "device_protection": pa.Column(str, _ADD_ON),
        "tech_support": pa.Column(str, _ADD_ON),
        "streaming_tv": pa.Column(str, _ADD_ON),
        "streaming_movies": pa.Column(str, _ADD_ON),
        "contract": pa.Column(str, pa.Check.isin(["Month-to-month", "One year", "Two year"])),
        "paperless_billing": pa.Column(str, _YES_NO),
        "payment_method": pa.Column(str),
        "monthly_charges": pa.Column(float, pa.Check.ge(0)),
        "total_charges": pa.Column(float, pa.Check.ge(0)),
    }
)
