"""Feature tables of the telco problem."""

import ibis.expr.types as ir

SERVICES = (
    "phone_service",
    "multiple_lines",
    "internet_service",
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)
BILLING = ("monthly_charges", "total_charges")


def features(events: ir.Table) -> dict[str, ir.Table]:
    """Give what the company's own systems know of a customer: services booked and money billed.

    Where the events have a history, each row holds from the review that observed it.
    """
    history = [name for name in ("reviewed_at",) if name in events.columns]
    return {
        "customer_services": events.select("customer_id", *history, *SERVICES),
        "customer_billing": events.select("customer_id", *history, *BILLING),
    }
