"""Files as bytes, unpacked while they are read: gzip, zip, bzip2 and xz, told by their content."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from fullcircle.core.errors import ConfigurationError, DataError, name_missing

_MARKS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_ZIP = b"PK\x03\x04"
# A small file that unpacks to very much more is an attack on the disk, not a table.
_FREE_BYTES = 256 << 20
_MOST_TIMES = 200
UNPACK_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


class _Bounded(io.RawIOBase):
    """Reads a packed file and stops where it unpacks to far more than it holds."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path, self._read = file, path, 0
        self._most = max(_FREE_BYTES, path.stat().st_size * _MOST_TIMES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self._read += len(data)
        if self._read > self._most:
            raise DataError(
                f"{self._path} unpacks to more than {_MOST_TIMES} times its size. Unpack it "
                "yourself and give the unpacked file, if it is meant."
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_bytes(path: Path, member: str | None = None) -> IO[bytes]:
    """Open a file for reading, unpacked where it is packed.

    Args:
        path: The file.
        member: Which file of a zip archive; needed where it holds several.

    Raises:
        DataError: The archive is damaged, is protected, holds no file, or unpacks without end.
        ConfigurationError: The archive holds several files and none is named.
    """
    with path.open("rb") as file:
        start = file.read(6)
    try:
        if start.startswith(_ZIP):
            return _bound(_open_member(path, member), path)
        for mark, opener in _MARKS.items():
            if start.startswith(mark):
                return _bound(opener(path), path)
    except UNPACK_ERRORS as error:
        raise DataError(f"{path} cannot be unpacked: {error}.") from error
    if path.suffix.lower() in (".gz", ".zip", ".bz2", ".xz"):
        raise DataError(f"{path} cannot be unpacked: it is no {path.suffix.lower()[1:]} file.")
    return path.open("rb")


def is_packed(path: Path) -> bool:
    """Return whether a file is packed, by its first bytes."""
    with path.open("rb") as file:
        start = file.read(6)
    return start.startswith((_ZIP, *_MARKS))


def strip_packing(name: str) -> str:
    """Return a file's name without the ending that says how it is packed."""
    for ending in (".gz", ".zip", ".bz2", ".xz"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def list_members(path: Path) -> list[str]:
    """Return the names of the files in a zip archive that people mean.

    Raises:
        DataError: The archive is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [each.filename for each in archive.infolist() if not each.is_dir()]
    except UNPACK_ERRORS as error:
        raise DataError(f"{path} cannot be unpacked: {error}.") from error
    hidden = ("__MACOSX/", ".DS_Store")
    return [name for name in names if not name.startswith(hidden) and not name.endswith(hidden[1])]


def find_member(path: Path, member: str | None) -> str:
    """Return the one file of a zip archive that is meant.

    Raises:
        DataError: The archive holds no file.
        ConfigurationError: It holds several, and none or another is named.
    """
    names = list_members(path)
    if not names:
        raise DataError(f"{path} is an empty archive.")
    if member is None and len(names) == 1:
        return names[0]
    if member not in names:
        wrong = f"no file {name_missing([member], names)}" if member else "several files"
        raise ConfigurationError(f"{path} holds {wrong}. Say --table; it has: {', '.join(names)}.")
    return member


def _open_member(path: Path, member: str | None) -> IO[bytes]:
    name = find_member(path, member)
    archive = zipfile.ZipFile(path)
    if archive.getinfo(name).flag_bits & 1:
        archive.close()
        raise DataError(f"{path} is protected by a password. Unpack it, and give the file in it.")
    try:
        file = archive.open(name)
    except NotImplementedError as error:
        raise DataError(f"{path} is packed in a way that cannot be read: {error}.") from error
    finally:
        archive.close()  # the open member keeps the file as long as it is read
    return file


def _bound(file: IO[bytes], path: Path) -> IO[bytes]:
    return cast("IO[bytes]", io.BufferedReader(_Bounded(file, path), buffer_size=1 << 18))


def raise_if_archive_is_bomb(path: Path) -> None:
    """Refuse an archive, a workbook for one, whose files are very much larger than itself.

    Raises:
        DataError: They are.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(member.file_size for member in archive.infolist())
    except (OSError, zipfile.BadZipFile):
        return  # no archive: the reader says so
    if total > max(_FREE_BYTES, path.stat().st_size * _MOST_TIMES):
        raise DataError(
            f"{path} unpacks to more than {_MOST_TIMES} times its size. Save it as CSV and give "
            "that, if it is meant."
        )
