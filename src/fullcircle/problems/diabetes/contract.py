"""The data contract of clean diabetes patients."""

import pandera.ibis as pa

from fullcircle.problems.diabetes.cleaning import MEASUREMENTS

_MEASURED = {name: pa.Column(float, pa.Check.gt(0), nullable=True) for name in MEASUREMENTS}

EVENTS = pa.DataFrameSchema(
    {
        "patient_id": pa.Column(str),
        "has_diabetes": pa.Column(int, pa.Check.isin([0, 1]), nullable=True),
        "pregnancies": pa.Column(float, pa.Check.in_range(0, 30)),
        "pedigree": pa.Column(float, pa.Check.ge(0)),
        "age_years": pa.Column(float, pa.Check.in_range(0, 120)),
        "age_band": pa.Column(str),
        **_MEASURED,
    }
)
