"""Bringing one file whole or not at all, and seeing that it is the one that was meant."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, build_opener

from fullcircle.core.errors import StorageError
from fullcircle.core.published_files import PublishedFile

_BLOCK_BYTES = 1 << 20
_LARGEST_BYTES = 2 << 30  # of a file whose size is not known
_PATIENCE_SECONDS = 30.0
_SCHEMES = ("http", "https")
_PAGES = (b"<!doctype html", b"<html", b"<?xml")
_PARQUET = b"PAR1"


@dataclass(frozen=True)
class Download:
    """What was brought.

    Attributes:
        size_bytes: Its size.
        sha256: Its digest.
        checked: Against what it was held.
    """

    size_bytes: int
    sha256: str
    checked: str


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download_file(
    file: PublishedFile, target: Path, mirror: str | None, *, new_edition: bool = False
) -> Download:
    """Write a file to its place, whole and checked; where anything is wrong, nothing stays.

    The standard variables for proxies (``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``) hold.

    Args:
        file: What is wanted.
        target: Where it belongs.
        mirror: A folder or address that holds it under the same path; None for the publisher.
        new_edition: Whether another digest than the known one is taken as well.

    Raises:
        StorageError: It cannot be had, was cut off, or is another file.
    """
    address = _find_address(file, mirror)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as sink, _open(address) as (source, promised):
            received = _copy(source, sink, file, address)
            sink.flush()
            os.fsync(sink.fileno())
        if promised is not None and received != promised:
            raise StorageError(
                f"{_show(address)} was cut off: {received:,} of {promised:,} bytes came. Try again."
            )
        brought = _check(partial, file, address, new_edition=new_edition)
        partial.chmod(0o644)
        partial.replace(target)
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return brought


def _find_address(file: PublishedFile, mirror: str | None) -> str:
    """Return where to read: the publisher, an address below a mirror's, or a path in a folder."""
    if mirror is None:
        return file.address
    if urlsplit(mirror).scheme in _SCHEMES:
        return f"{mirror.rstrip('/')}/{quote(file.path)}"
    folder = Path(mirror)
    places = (folder / file.path, folder / Path(file.path).name)
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise StorageError(f"The folder {mirror} holds no {file.path}.")
    return str(found)


@contextmanager
def _open(address: str) -> Iterator[tuple[IO[bytes], int | None]]:
    """Open an address or a path; give the bytes, and how many of them are promised."""
    if urlsplit(address).scheme not in _SCHEMES:
        with Path(address).open("rb") as file:
            yield file, Path(address).stat().st_size
        return
    headers = {"User-Agent": "fullcircle", "Accept-Encoding": "identity"}
    request = Request(address, headers=headers)  # noqa: S310 - http(s) alone
    try:
        # One made now sees the proxies of now: the shared one keeps those of its first use.
        with build_opener().open(request, timeout=_PATIENCE_SECONDS) as answer:
            _refuse_page(answer.headers.get_content_type(), address)
            length = answer.headers.get("Content-Length")
            yield answer, int(length) if length else None
    except HTTPError as error:
        error.close()
        raise StorageError(
            f"{_show(address)} answered {error.code} {error.reason}. {_WAYS}"
        ) from error
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise StorageError(f"{_show(address)} cannot be reached: {reason}. {_WAYS}") from error


_WAYS = (
    "Behind a proxy, set HTTPS_PROXY; from a copy of your own, use --from FOLDER or an address; "
    "or set RAW_DIR to a folder that holds the file."
)


def _refuse_page(kind: str, address: str) -> None:
    if kind in ("text/html", "application/xhtml+xml"):
        raise StorageError(
            f"{_show(address)} answered with a web page instead of the file: a login, a notice or "
            f"a proxy's error. {_WAYS}"
        )


def _copy(source: IO[bytes], sink: IO[bytes], file: PublishedFile, address: str) -> int:
    """Copy block by block; stop where more comes than can be meant."""
    limit, received = file.size_bytes or _LARGEST_BYTES, 0
    while block := source.read(_BLOCK_BYTES):
        if not received and block.lstrip().lower().startswith(_PAGES):
            _refuse_page("text/html", address)
        received += len(block)
        if received > _LARGEST_BYTES or (file.size_bytes and received > 4 * limit):
            raise StorageError(
                f"{_show(address)} is larger than {limit:,} bytes; nothing was kept."
            )
        sink.write(block)
    return received


def _check(partial: Path, file: PublishedFile, address: str, *, new_edition: bool) -> Download:
    size, sha256 = partial.stat().st_size, digest(partial)
    if not size:
        raise StorageError(f"{_show(address)} is empty; nothing was kept.")
    if file.path.endswith(".parquet") and not _is_parquet(partial):
        raise StorageError(f"{_show(address)} is no whole Parquet file; nothing was kept.")
    if file.sha256 is None:
        return Download(size, sha256, "size and digest were not known beforehand")
    if sha256 == file.sha256:
        return Download(size, sha256, "size and digest are the known ones")
    if new_edition:
        return Download(size, sha256, "another edition than the known one, taken as asked")
    raise StorageError(
        f"{_show(address)} is another file than the known one: {size:,} bytes with sha256 "
        f"{sha256}, instead of {file.size_bytes:,} with {file.sha256}. Nothing was kept; if the "
        "publisher has a new edition, add --new-edition."
    )


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        begins = file.read(4) == _PARQUET
        file.seek(-4, os.SEEK_END)
        return begins and file.read(4) == _PARQUET


def _show(address: str) -> str:
    """Return an address without a password that it may hold."""
    parts = urlsplit(address)
    if parts.scheme not in _SCHEMES:
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
