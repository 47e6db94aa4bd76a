"""Where the publisher of a file has it, and how the file is known again."""

from dataclasses import dataclass, replace

MONTH = "{month}"


@dataclass(frozen=True)
class PublishedFile:
    """One file that a publisher offers.

    Attributes:
        path: Where it belongs below RAW_DIR; ``{month}`` stands for a month as 2025-01.
        address: Where the publisher, or who keeps a copy of it, offers it.
        publisher: Who that is.
        size_bytes: Its size; None where it is not known beforehand.
        sha256: Its digest; None where it is not known beforehand.
        needed: Whether the problem cannot do without it.
    """

    path: str
    address: str
    publisher: str
    size_bytes: int | None = None
    sha256: str | None = None
    needed: bool = True

    @property
    def monthly(self) -> bool:
        """Whether it stands for one file a month."""
        return MONTH in self.path

    def of_month(self, month: str) -> "PublishedFile":
        """Return the file of a month."""
        path, address = (text.replace(MONTH, month) for text in (self.path, self.address))
        return replace(self, path=path, address=address)
