"""What data hold is written into a problem's files as text, and never as a reference."""

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from fullcircle.ingestion.project_files import as_yaml, quote_yaml

PIECES = st.sampled_from(
    [
        "${",
        "}",
        "\\",
        "$",
        "{",
        "oc.env:HOME",
        "a",
        '"',
        "'",
        ":",
        "#",
        ",",
        "\n",
        "é",
        "😀",
        "\x7f",
    ]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=12)


def read(line: str) -> object:
    """Read a value as Kedro does: YAML, then every reference resolved."""
    return OmegaConf.to_container(OmegaConf.create(yaml.safe_load(line)), resolve=True)


@given(text=TEXTS.filter(lambda text: text != "???"))
@example("${oc.env:HOME}")
@example("${nothing}")
@example("\\${nothing}")
@example("\\\\${oc.env:HOME}\\")
@example("a, b")
@example("yes")
def test_a_text_comes_back_as_it_was(text: str) -> None:
    """Any class, column or title is read back as the very text: no variable, no key, no list."""
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        return  # no UTF-8 file holds it
    assert read(f"key: {quote_yaml(text)}") == {"key": text}
    assert read(f"key: {as_yaml(text)}") == {"key": text}
    assert read(f"key: [{as_yaml(text)}, b]") == {"key": [text, "b"]}


@pytest.mark.parametrize("name", ["visits", "Gekauft_am", "größe", "a_1"])
def test_a_plain_name_stays_plain(name: str) -> None:
    """What needs no quotes gets none."""
    assert as_yaml(name) == name
