"""Tests of the card as Markdown and as a page."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tests.core.card_cases import MODEL, PROBLEM, REPORT, decision, model_with, slice_of

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.models.model import Model, Registration
from fullcircle.reporting.model_card import as_markdown, as_page, write_card, write_card_page
from fullcircle.reporting.model_card.parts import (
    Bullets,
    Card,
    CommandLines,
    FactList,
    Highlight,
    Paragraph,
    Range,
    Row,
    Section,
    Table,
)

EVIL = (
    "1. a|b\n\n# <script>alert(1)</script> <b> [x](javascript:f) ![i](j) [d]: http://e "
    "`c` *d* __e__ _f_ ~~g~~ &amp; \\| {{ h }} \"i\" 'j' &"
)
VOID = {"meta"}


def evil_model() -> Model:
    """Give a model all of whose free texts are hostile."""
    named = dict.fromkeys(("name", "description", "use_case", "owner", "label", "row_id"), EVIL)
    columns = [{"column": EVIL, "action": "drop", "why": EVIL, "missing": 0.5}]
    slices = [slice_of(EVIL, -0.1, column=EVIL), slice_of("x", None, reason=EVIL)]
    method = {"method": EVIL, "evidence": EVIL}
    report = {
        "metric": EVIL,
        "columns": columns,
        "slices": slices,
        "gaps": [{**REPORT["gaps"][0], "column": EVIL}],
        "calibration": {**REPORT["calibration"], "of": EVIL, "method": method},
        "importance": [{**REPORT["importance"][0], "column": EVIL}],
    }
    return model_with(
        report,
        candidate=EVIL,
        features=[EVIL, "price", "billed"],
        lookups=[FeatureLookup(table=EVIL, keys=[EVIL], columns={EVIL: "billed"})],
        scores={EVIL: 0.5, "roc_auc": MODEL.scores["roc_auc"]},
        settings={**MODEL.settings, EVIL: EVIL, "problem": {**PROBLEM, **named}},
        registration=Registration(EVIL, EVIL, EVIL, {"git_commit": EVIL, f"data.{EVIL}": EVIL}),
    )


def evil_decision() -> dict[str, Any]:
    given = decision(promote=False, challenger=f"{EVIL} v{EVIL}", incumbent=EVIL)
    checks = [{"name": EVIL, "passed": passed, "evidence": EVIL} for passed in (True, False)]
    return {**given, "checks": checks}


FLAT_EVIL = " ".join(EVIL.split())


def read_markdown(text: str) -> list[Token]:
    """Give the tokens of a Markdown text, those within lines too."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [found for token in tokens for found in [token, *(token.children or [])]]


def test_hostile_text_stays_text_in_markdown() -> None:
    """Read by a parser, a card of hostile texts holds them as they are, and no structure of theirs.

    No HTML, link, image, emphasis, code or strikethrough comes of them, and each table is a table.
    """
    text = write_card(evil_model(), evil_decision())
    tokens = read_markdown(text)
    strange = {"html_block", "html_inline", "link_open", "image", "em_open", "s_open", "fence"}
    assert not strange & {token.type for token in tokens}
    assert not {"code_inline", "ordered_list_open", "hr"} & {token.type for token in tokens}
    lines = "".join(token.content for token in tokens if token.type in {"text", "text_special"})
    assert lines.count(FLAT_EVIL) > 20
    captions = [token for token in tokens if token.type == "strong_open"]
    tables = [block for section in sections_of(evil_model()) for block in section]
    assert len(captions) == 4 + sum(isinstance(block, Table) for block in tables)
    wanted = sum(isinstance(block, Table | FactList) for block in tables)
    assert sum(token.type == "table_open" for token in tokens) == wanted
    assert sum(token.type == "heading_open" for token in tokens) == 11


@pytest.mark.parametrize("begin", ["# ", "> ", "- ", "+ ", "1. ", "12) ", "---", "===", "    "])
def test_no_paragraph_begins_a_structure(begin: str) -> None:
    """What a paragraph or a statement begins with makes no heading, quote, list, rule or code."""
    said = Paragraph(f"{begin}said")
    blocks = [said, Paragraph(begin), Bullets([said])]
    tokens = read_markdown(as_markdown(Card("c", "s", [], [Section("k", "t", blocks)])))
    kinds = [token.type for token in tokens if token.level == 0]
    assert set(kinds) <= {
        *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text"),
        *("bullet_list_open", "bullet_list_close", "text_special"),
    }
    counts = [sum(token.type == f"{kind}_open" for token in tokens) for kind in KINDS]
    assert counts == [2, 1, 0]


KINDS = ("heading", "bullet_list", "blockquote")


def sections_of(model: Model) -> list[list[Any]]:
    from fullcircle.reporting.model_card import describe_model

    return [section.blocks for section in describe_model(model, evil_decision()).sections]


class Page(HTMLParser):
    """A page's elements with their attributes and their text; refuses what is not balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


PAGE = write_card_page(MODEL, decision(promote=True, incumbent="full.shop.model v2"))


def test_hostile_text_stays_text_in_the_page() -> None:
    """A page of hostile texts has the elements of a harmless one, and the texts as they are."""
    page = Page(write_card_page(evil_model(), evil_decision()))
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in Page(PAGE).elements}
    assert "script" not in dict(page.elements)
    flat = " ".join("".join(page.texts).split())
    assert flat.count(FLAT_EVIL) > 20
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]


def test_the_page_needs_no_network_and_no_script() -> None:
    """Nothing on the page is fetched from anywhere."""
    page = Page(PAGE)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.elements}
    assert not re.search(r"url\(|@import|https?:", PAGE)
    assert all(not {"src", "srcset"} & set(attributes) for _, attributes in page.elements)


def test_the_page_can_be_read_by_all() -> None:
    """Language, title, landmarks, heads of columns and captions are there, and links lead on."""
    page = Page(PAGE)
    assert page.all("html") == [{"lang": "en"}]
    assert "full.shop.model v3 · model card" in page.texts
    for tag in ("main", "header", "nav", "h1", "title"):
        assert len(page.all(tag)) == 1
    tables = page.all("table")
    assert len(page.all("caption")) == len(page.all("thead")) == len(tables) > 5
    assert all(attributes["scope"] == "col" for attributes in page.all("th"))
    regions = [a for a in page.all("div") if a.get("role") == "region"]
    assert len(regions) == len(tables)
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in regions)
    named = {attributes.get("id") for _, attributes in page.elements}
    links = [str(attributes["href"]) for attributes in page.all("a")]
    assert len(links) == 10
    assert {link.removeprefix("#") for link in links} <= named
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in PAGE


def luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    shares = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_light_and_dark_have_contrast_enough() -> None:
    """Every colour of text on either ground has the contrast that WCAG 2.2 AA asks, 4.5 to 1."""
    roots = re.findall(r":root \{([^}]*)\}", PAGE)
    assert len(roots) == 2
    for root in roots:
        colours = dict(re.findall(r"--(\w+): #([0-9a-f]{3,6});", root))
        for ink in ("ink", "soft", "good", "bad"):
            for ground in ("paper", "card"):
                pair = sorted([luminance(colours[ink]), luminance(colours[ground])])
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (ink, ground)


def test_both_forms_say_the_same() -> None:
    """Every cell, fact and statement of the card is in the Markdown and on the page."""
    card = Card(
        "title",
        "subtitle",
        [Highlight("question", "answer", "remark", "good")],
        [
            Section(
                "key",
                "section",
                [
                    Paragraph("words"),
                    FactList([("name", "value")]),
                    Bullets([Paragraph("said", "bad")]),
                    CommandLines(["first", "second"]),
                    Table("caption", ["head"], [Row(["cell"], "good", Range(0.0, 1.0, 2.0))], "d"),
                ],
            )
        ],
    )
    told = "title subtitle question answer remark section words name value said first second"
    shown = Page(as_page(card)).texts
    for word in [*told.split(), "caption", "head", "cell"]:
        assert word in as_markdown(card)
        assert any(word in text for text in shown)


def test_every_table_is_rectangular() -> None:
    """In every table of the Markdown all rows have as many cells as the head."""
    tables = [b for b in write_card(MODEL).split("\n\n") if b.startswith("|")]
    assert len(tables) > 8
    for block in tables:
        assert len({line.count("|") for line in block.strip().splitlines()}) == 1


def drawn(ranges: list[Range | None]) -> list[tuple[float, float, float, float | None]]:
    """Give left end, right end, point and mark of each drawing on a page, in percent."""
    table = Table("t", ["n"], [Row(["x"], drawn=r) for r in ranges], "drawing")
    page = as_page(Card("c", "s", [], [Section("k", "t", [table])]))
    found = []
    for one in re.findall(r'<div class="range.*?</div>', page):
        left, width = map(float, re.findall(r"left: (.+?)%; width: (.+?)%", one)[0])
        point = float(re.findall(r'<i style="left: (.+?)%', one)[0])
        mark = re.findall(r'<b style="left: (.+?)%', one)
        found.append((left, left + width, point, float(mark[0]) if mark else None))
    return found


def test_drawings_share_one_axis() -> None:
    """Ends, points and marks of all rows stand on one axis, in proportion and within the cell."""
    places = drawn([Range(0.0, 5.0, 10.0, 20.0), None, Range(-20.0, -10.0, 0.0, 0.0)])
    assert len(places) == 2
    (left, right, point, mark), (second_left, second_right, second_point, zero) = places
    assert zero == second_right == left
    assert mark is not None
    assert 0 < second_left < left < point < right < mark < 100
    assert right - left == pytest.approx((second_right - second_left) / 2, abs=0.2)
    assert point == pytest.approx((left + right) / 2, abs=0.2)
    assert second_point == pytest.approx((second_left + second_right) / 2, abs=0.2)


def test_a_single_value_can_be_drawn() -> None:
    """An interval without width divides by nothing."""
    assert drawn([Range(1.0, 1.0, 1.0)]) == [(4.0, 4.0, 4.0, None)]
