"""The files of a new problem, made whole before the first is written."""

import math
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

import fullcircle
from fullcircle.core.errors import ConfigurationError
from fullcircle.core.parsing.numbers import NumberFormat
from fullcircle.ingestion.inference import Proposal
from fullcircle.ingestion.inference.change_logs import ChangeLog
from fullcircle.ingestion.inference.split_sizes import GATE_ROWS, MAX_REJECTED_SHARE, TRAINING_ROWS

_WIDTH = 100
_PACKAGE = fullcircle.__name__
_REFERENCE = re.compile(r"(\\*)\$\{")  # with the backslashes before it, which then count twice


def name_files(name: str) -> dict[str, Path]:
    """Give the place of each file of a problem, by its template."""
    package = Path("src") / _PACKAGE / "problems" / name
    conf = Path("conf") / "base" / "problems" / name
    return {
        "package.py.jinja": package / "__init__.py",
        "cleaning.py.jinja": package / "cleaning.py",
        "contract.py.jinja": package / "contract.py",
        "features.py.jinja": package / "features.py",
        "catalog.yml.jinja": conf / "catalog.yml",
        "parameters.yml.jinja": conf / "parameters.yml",
        "test.py.jinja": Path("tests") / "problems" / f"test_{name}.py",
    }


def refuse_overwriting(root: Path, name: str) -> None:
    """Refuse a name that is taken.

    Raises:
        ConfigurationError: A file of the problem exists already.
    """
    for path in name_files(name).values():
        if (root / path).exists():
            raise ConfigurationError(
                f"{path} exists already. Choose another name, or remove the problem first: "
                f"kedro problem remove {name}"
            )


def write_problem(proposal: Proposal, source: str) -> dict[Path, str]:
    """Give the text of each file of a proposed problem, by its place.

    Args:
        proposal: The problem.
        source: What the data came from, for people.
    """
    values = _gather(proposal, source)
    files = name_files(proposal.spec.name)
    return {path: _fill(template, **values) for template, path in files.items()}


def _gather(proposal: Proposal, source: str) -> dict[str, Any]:
    spec, reading, identity = proposal.spec, proposal.reading, proposal.identity
    classes = proposal.label.classes
    named = identity.row_source is None
    own = [*spec.entity_keys, *([] if named else [spec.row_id])]
    never_blank = [name for name in dict.fromkeys(own) if name in reading.texts]
    gate_rows = round(spec.split.gate * proposal.label.rows)
    return {
        "package": _PACKAGE,
        "name": spec.name,
        "title": _one_line(spec.name.replace("_", " ").capitalize()),
        "source": _one_line(source)[:60],
        "spec": spec,
        "as_of": identity.as_of,
        "label": proposal.label_name,
        "label_source": proposal.label.source,
        "classes": _as_tuple("CLASSES", classes) if classes else "",
        "label_missing": _as_tuple("", proposal.label.unknown),
        "spellings": [
            (as_python(text), as_python(name)) for text, name in proposal.label.spellings.items()
        ],
        "named": named,
        "row_id": spec.row_id,
        "time": spec.event_time,
        "time_source": identity.time_column.source if identity.time_column else "",
        "label_time": spec.label_time,
        "delay": _plain(identity.label_delay_days),
        "never_blank": _as_tuple("", never_blank) if never_blank else "",
        "imported": ", ".join(_name_imports(proposal)),
        "mappings": list(_list_mappings(proposal)),
        "missing": _as_tuple("", reading.missing) if reading.missing else "",
        "has_numbers": bool(reading.numbers),
        "gate_min_rows": GATE_ROWS if gate_rows < GATE_ROWS else None,
        "gate_rows": gate_rows,
        "training_rows": TRAINING_ROWS if proposal.label.rows > TRAINING_ROWS else None,
        "states": proposal.states,
        "case": _as_tuple("", proposal.states.case) if proposal.states else "",
        "known": _write_known(proposal.states),
        "max_rejected_share": _allow_rejected(proposal.rejected_share),
        "left_out": list(_describe_left_out(proposal.left_out)),
    }


def _name_imports(proposal: Proposal) -> list[str]:
    """Name what the cleaning imports, in the order of the formatter."""
    classes = bool(proposal.label.classes)
    wanted = {
        "ColumnParser": True,
        "NumberFormat": bool(proposal.reading.formats),
        "as_class": classes,
        "as_moment": proposal.states is not None and proposal.states.known is not None,
        "name_rows": proposal.identity.row_source is None,
        "read_class": classes,
    }
    return [name for name, is_wanted in wanted.items() if is_wanted]


def _write_known(states: ChangeLog | None) -> str:
    """Return the expression of the moment at which a state was known, as Python writes it."""
    if states is None or states.known is None:
        return "None"
    source, layout = map(as_python, states.known)
    return f"as_moment(READING.text(judged, {source}), {layout})"


def _allow_rejected(share: float) -> float | None:
    """Return the share of rejected rows to allow, where what was chosen takes up the default."""
    return math.ceil(100 * share + 2) / 100 if share > MAX_REJECTED_SHARE / 2 else None


def _list_mappings(proposal: Proposal) -> Iterable[tuple[str, list[tuple[str, str]]]]:
    """Give the mappings of the reading that are not empty, their values as Python writes them."""
    reading = proposal.reading
    written: dict[str, list[tuple[str, str]]] = {
        "texts": [(name, as_python(source)) for name, source in reading.texts.items()],
        "numbers": [(name, as_python(source)) for name, source in reading.numbers.items()],
        "moments": [
            (name, f"({as_python(source)}, {as_python(layout)})")
            for name, (source, layout) in reading.moments.items()
        ],
        "clocks": [(name, as_python(source)) for name, source in reading.clocks.items()],
        "formats": [(name, _as_format(form)) for name, form in reading.formats.items()],
        "marks": [(name, _as_tuple("", marks)) for name, marks in reading.marks.items()],
        "sentinels": [
            (name, _as_tuple("", values, write=repr)) for name, values in reading.sentinels.items()
        ],
    }
    return ((field, entries) for field, entries in written.items() if entries)


def _as_format(form: NumberFormat) -> str:
    """Write a format of numbers as Python does, what is usual left out."""
    named = {"decimal": form.decimal, "thousands": form.thousands}
    usual = {"decimal": ".", "thousands": ""}
    parts = [f"{key}={as_python(sign)}" for key, sign in named.items() if sign != usual[key]]
    if form.loose:
        parts.append("loose=True")
    if form.scales:
        scales = [f"({as_python(unit)}, {factor!r})" for unit, factor in form.scales]
        parts.append(f"scales={_as_tuple('', scales, write=str)}")
    if form.affixes:
        parts.append(f"affixes={_as_tuple('', form.affixes)}")
    return f"NumberFormat({', '.join(parts)})"


def _describe_left_out(left_out: Mapping[str, str]) -> Iterable[str]:
    if not left_out:
        return
    yield "# Left out; to use one, add it to READING in cleaning.py and to request_columns:"
    for source, why in left_out.items():
        yield textwrap.shorten(_one_line(f"# - {source}: {why}"), _WIDTH - 8, placeholder=" …")


def as_python(text: str) -> str:
    """Write a text as the formatter would, and letters that look like others by their number."""
    sign = "'" if '"' in text and "'" not in text else '"'
    letters = []
    for letter in text:
        if letter in ("\\", sign):
            letters.append(f"\\{letter}")
        elif (letter.isascii() and letter.isprintable()) or (
            letter.isalpha() and ord(letter) < 256
        ):
            letters.append(letter)
        else:
            letters.append(letter.encode("unicode_escape").decode())
    return f"{sign}{''.join(letters)}{sign}"


def _as_tuple(name: str, items: Iterable[Any], write: Any = as_python) -> str:
    """Write a tuple on one line, or one item a line where it would be too long."""
    written = [write(item) for item in items]
    inner = ", ".join(written) + ("," if len(written) == 1 else "")
    start = f"{name} = " if name else ""
    line = f"{start}({inner})"
    if len(line) <= _WIDTH - 20:
        return line
    return f"{start}(\n" + "".join(f"    {_mark_long(item + ',', 4)}\n" for item in written) + ")"


def _mark_long(line: str, indent: int) -> str:
    return f"{line}  # noqa: E501" if len(line) + indent > _WIDTH else line


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace('"', "'").replace("\\", "/")


def as_yaml(text: str) -> str:
    """Write a name plainly, or quoted where YAML or OmegaConf would read something else."""
    if "${" in text:
        return quote_yaml(text)
    try:
        is_plain = yaml.safe_load(f"[{text}]") == [text] and yaml.safe_load(text) == text
    except yaml.YAMLError:
        is_plain = False
    return text if is_plain else quote_yaml(text)


def quote_yaml(text: str) -> str:
    """Write a text in quotes, so that OmegaConf finds no reference in it: data name no variable."""
    escaped = _REFERENCE.sub(lambda found: rf"{found[1] * 2}\${{", text)
    return yaml.dump(escaped, default_style='"', allow_unicode=True, width=math.inf).strip()


def _plain(value: float) -> float | int:
    """Give a number without a needless fraction."""
    return int(value) if value == int(value) else value


def _fill(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fullcircle.ingestion"),
        autoescape=False,  # noqa: S701 - Python and YAML are no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "text": as_python,
        "yaml": as_yaml,
        "quoted": quote_yaml,
        "plain": _plain,
        "oneline": _one_line,
        "long": _mark_long,
    }
    return environment.get_template(template).render(**values)
