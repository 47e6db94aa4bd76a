"""Channels that carry a message away: Slack, Teams, e-mail, PagerDuty, any webhook, by Apprise."""

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from fullcircle.core.alerts import SEVERITIES, Message, Severity
from fullcircle.core.alerts.settings import rank

_SHOWN_AS = {"info": "info", "warning": "warning", "critical": "failure"}
_SCHEME = re.compile(r"\w+://")
_SHORTEST_SECRET = 4


@dataclass(frozen=True)
class Channel:
    """One address.

    Attributes:
        name: What a person calls it; the address itself is secret.
        address: As Apprise writes it: ``slack://…``, ``mailtos://…``, ``json://…``.
        at_least: Severity from which a message is carried; what is over goes where it was told.
        trouble: What is wrong with its declaration; None where nothing is.
    """

    name: str
    address: str
    at_least: Severity = "info"
    trouble: str | None = None

    def carries(self, severity: Severity) -> bool:
        """Tell whether a message of this severity goes this way."""
        return rank(severity) >= rank(self.at_least)


def read_channels(credentials: Mapping[str, Any] | None) -> list[Channel]:
    """Read the declared channels; one that is not valid is kept with what is wrong with it.

    Args:
        credentials: Per name an address, or a mapping with ``address`` and ``at_least``.
    """
    return [_read(str(name), given) for name, given in (credentials or {}).items()]


def _read(name: str, given: Any) -> Channel:
    if isinstance(given, str):
        return Channel(name, given)
    known = {"address", "at_least"}
    if not isinstance(given, Mapping) or "address" not in given or set(given) - known:
        return Channel(name, "", trouble="give an address, or address and at_least")
    at_least = given.get("at_least", "info")
    if at_least not in SEVERITIES:
        trouble = f"at_least {at_least!r} is not one of: {', '.join(SEVERITIES)}"
        return Channel(name, "", trouble=trouble)
    return Channel(name, str(given["address"]), at_least)


def send(channel: Channel, message: Message, *, attempts: int, wait_seconds: float) -> str | None:
    """Send a message, and try again where that fails; each wait is twice as long as the one before.

    Returns:
        None where it was taken, else why not, without a word of the address.
    """
    if channel.trouble is not None:
        return channel.trouble
    reason = "not tried"
    for attempt in range(attempts):
        if attempt:
            time.sleep(wait_seconds * 2 ** (attempt - 1))
        try:
            refused = _send_once(channel, message)
        except Exception as error:  # whatever a channel does, monitoring goes on
            refused = conceal(f"{type(error).__name__}: {error}", channel.address)
        if refused is None:
            return None
        reason = refused
    return f"{reason} ({attempts} attempts)"


def _send_once(channel: Channel, message: Message) -> str | None:
    """Send once; give why it failed, if it did."""
    try:
        import apprise
    except ImportError:
        return "it needs a package more: pip install 'fullcircle[alerts]'"
    listening: Any = apprise.LogCapture
    with _discretion(), listening(level=logging.WARNING, fmt="%(message)s") as said:
        sender = apprise.Apprise()
        if not sender.add(channel.address):
            return "its address is none that Apprise knows"
        taken = sender.notify(
            title=message.title,
            body=message.body,
            notify_type=apprise.NotifyType(_SHOWN_AS[message.severity]),
            body_format=apprise.NotifyFormat.TEXT,
        )
        told = conceal(" ".join(said.getvalue().split()), channel.address)
    return None if taken else told or "it did not take the message"


@contextmanager
def _discretion() -> Iterator[None]:
    """Keep addresses out of the log: Apprise warns with parts of them, libraries debug with all."""
    logger = logging.getLogger("apprise")
    propagated, disabled = logger.propagate, logging.root.manager.disable
    logger.propagate = False
    logging.disable(max(disabled, logging.INFO))
    try:
        yield
    finally:
        logger.propagate = propagated
        logging.disable(disabled)


def conceal(text: str, address: str) -> str:
    """Take every part of an address out of a text, as it stands and with its escapes read."""
    parts = re.split(r"[/:@?&=,#]+", _SCHEME.sub("", address))
    secret = {part for each in parts for part in (each, unquote(each))}
    for part in sorted(secret, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, "…")
    return text.replace(address, "…")
