"""The first look as one page that needs no network and no script."""

from collections.abc import Iterable
from typing import Any

from fullcircle.ingestion.inference.first_look import ColumnLook
from fullcircle.ingestion.inference.issues import Issue, of_level
from fullcircle.ingestion.inference.proposal import Proposal
from fullcircle.reporting.pages import fill_page

_TEMPLATE = "first_look.html.jinja"
_MOST_COLUMNS = 300


def render_first_look(proposal: Proposal, findings: Iterable[Issue], source: str) -> str:
    """Render what was found in a table, what was assumed, and each column, as HTML.

    Args:
        proposal: The problem that is proposed.
        findings: What was found in source and table.
        source: What the data came from, for people.
    """
    found = list(findings)
    columns = sorted(proposal.columns, key=_rank)
    return fill_page(
        _TEMPLATE,
        name=proposal.spec.name,
        source=source,
        facts=_list_facts(proposal),
        urgent=of_level(found, "edit", "fault"),
        dangers=of_level(found, "danger"),
        assumed=of_level(found, "assumed"),
        columns=columns[:_MOST_COLUMNS],
        more=max(len(columns) - _MOST_COLUMNS, 0),
    )


def _rank(column: ColumnLook) -> tuple[int, float]:
    """The target first, then the features by what they tell, then what is left out."""
    order = ("target", "time", "key", "row id", "feature", "left out")
    return order.index(column.role), -(column.strength or 0.0)


def _list_facts(proposal: Proposal) -> list[dict[str, Any]]:
    spec, label = proposal.spec, proposal.label
    used = sum(column.role == "feature" for column in proposal.columns)
    kind = {"binary": "two classes", "multiclass": f"{len(label.classes)} classes"}
    return [
        {"what": "rows", "value": f"{proposal.rows:,}", "more": f"{label.rows:,} with a label"},
        {
            "what": "columns",
            "value": f"{len(proposal.columns):,}",
            "more": f"{used:,} to predict from",
        },
        {
            "what": "to predict",
            "value": label.source,
            "more": kind.get(label.task, "a number"),
        },
        {
            "what": "rows divide",
            "value": f"by {spec.split.by}",
            "more": spec.event_time or ", ".join(spec.entity_keys),
        },
    ]
