"""Why a configuration cannot be read, with file, line and key."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fullcircle.configuration.places import ConfigFiles
from fullcircle.core.errors import FullCircleError

_KEY = re.compile(r"^\s*(?:- )?[\"']?([\w.@/-]+)[\"']?\s*:")
_TYPED = re.compile(r"^\w+: ")


def explain_unreadable(error: BaseException, files: ConfigFiles) -> str:
    """Return in one line why files cannot be read or resolved: file, line, key and reason.

    Args:
        error: What reading them raised.
        files: The files.
    """
    broken = next(filter(None, (_explain_file(path, files) for path in files.paths)), None)
    if broken is not None:
        return broken
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, FullCircleError):
            return str(cause)
    for cause in causes:
        if isinstance(cause, OmegaConfBaseException):
            return _explain_unresolved(cause, files)
    return _shorten(" ".join(str(error).split()), files)


def _explain_file(path: Path, files: ConfigFiles) -> str | None:
    """Return why one file cannot be read; None where it can."""
    shown = files.show(path)
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        return f"{shown} cannot be read: {error.strerror}."
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        byte = f"the byte 0x{raw[error.start]:02x} is no UTF-8; save the file as UTF-8"
        return f"{_point(shown, raw.decode('latin-1'), line)}: {byte}."
    return _explain_text(text, shown)


def _explain_text(text: str, shown: str) -> str | None:
    """Return why a text is no configuration; None where it is one."""
    try:
        content = OmegaConf.load(io.StringIO(text))
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        return f"{_point(shown, text, line)}: {_describe_yaml(error)}."
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        return f"{_point(shown, text, line)}: the character #x{error.character:04x} is not allowed."
    except (OmegaConfBaseException, OSError) as error:
        return f"{shown}: {_first_sentence(error)}."
    if not OmegaConf.is_dict(content):
        return f"{shown}: a list or a single value is no configuration; write 'key: value'."
    return None


def _describe_yaml(error: yaml.MarkedYAMLError) -> str:
    """Return YAML's own reason, with what to do where it is a frequent one."""
    said = " ".join(str(error.problem or error.context).split())
    if r"'\t'" in said:
        return "a tab stands where a line is indented; indent with spaces"
    if "mapping values are not allowed" in said:
        return "a second ':' in one line, or a line that is indented too far; quote text with ': '"
    return said


def _explain_unresolved(error: OmegaConfBaseException, files: ConfigFiles) -> str:
    """Return which value refers to something that is not there, and where it stands."""
    key = str(error.full_key or "")
    where = files.find(re.split(r"[.\[\]]+", key.rstrip("]"))) if key else None
    place = f"{where}, near {key!r}" if where else f"The key {key!r}" if key else "A value"
    return f"{place}: {_first_sentence(error)}."


def _first_sentence(error: BaseException) -> str:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return _TYPED.sub(
        "", line.partition("raised while resolving interpolation: ")[2] or line
    ).rstrip(".")


def _point(shown: str, text: str, line: int) -> str:
    """Return ``file, line 3, near 'key'``: the key of that line, or the nearest above."""
    above = text.splitlines()[:line]
    keys = (found[1] for each in reversed(above) if (found := _KEY.match(each)))
    key = next(keys, None)
    return f"{shown}, line {line}" + (f", near {key!r}" if key else "")


def _shorten(said: str, files: ConfigFiles) -> str:
    """Take the project's folder out of paths in a message."""
    return said.replace(f"{files.root}/", "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
