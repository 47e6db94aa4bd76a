"""One message for all that one window has to tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fullcircle.core.alerts.settings import Severity, rank

_AT_MOST = 10
_SAID = {"new": "", "worse": "worse: ", "again": "still: ", "over": "over: "}


@dataclass(frozen=True)
class Message:
    """What a channel is given.

    Attributes:
        severity: The worst of what is told; ``info`` where all of it is over.
        title: One line.
        body: Plain text of a few lines.
    """

    severity: Severity
    title: str
    body: str


def write_message(
    name: str, as_of: str, notices: Sequence[Mapping[str, Any]], links: Mapping[str, str]
) -> Message:
    """Write one message: what, since when, how much, what to do, and where to look.

    Args:
        name: What is monitored.
        as_of: The clock.
        notices: As decide gives them, the worst first; at least one.
        links: Addresses by what they lead to.
    """
    wrong = [notice for notice in notices if notice["state"] != "over"]
    severity: Severity = max((n["severity"] for n in wrong), key=rank, default="info")
    first = (wrong or notices)[0]
    more = f" and {len(notices) - 1} more" if len(notices) > 1 else ""
    title = f"{name}: {_SAID[first['state']]}{first['what']}{more}"
    lines = [_write(notice) for notice in notices[:_AT_MOST]]
    if len(notices) > _AT_MOST:
        lines.append(f"and {len(notices) - _AT_MOST} more, in the file of alerts")
    lines += [f"{what}: {address}" for what, address in links.items()]
    return Message(severity, title, f"As of {as_of}\n\n" + "\n".join(lines))


def _write(notice: Mapping[str, Any]) -> str:
    head = f"[{notice['severity']}] {_SAID[notice['state']]}{notice['what']}"
    told = f"{head}\n  since {notice['since'][:10]}: {notice['how_much']}"
    return told if notice["state"] == "over" else f"{told}\n  to do: {notice['what_to_do']}"
