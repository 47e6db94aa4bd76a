"""Few letters beyond ASCII fit many code pages: the file is read as meant, or a question asked."""

# ruff: noqa: RUF001 - letters of many scripts are the matter here

import random

import pytest

from fullcircle.ingestion.code_pages import find_legacies
from fullcircle.ingestion.source_questions import ask_about_encoding

LANGUAGES = {
    "Polish": ("cp1250", "wartość ilość opłata płeć wiek_lat żółty Łódź Kraków Gdańsk Poznań "
               "Wrocław mężczyzna zamówień województwo źródło sprzedaż miesiąc święto"),
    "Czech": ("cp1250", "město počet Plzeň jméno příjmení člověk výška ulice_číslo měsíc cena_Kč "
              "věk původ účet"),
    "Hungarian": ("cp1250", "város fő Győr név összeg időpont fizető hűség nő"),
    "Turkish": ("cp1254", "şehir sayı İstanbul Iğdır yaş ağaç gün çalışan"),
    "Russian": ("cp1251", "город ответ да нет Уфа цена имя возраст пол муж жен сумма дата"),
    "French": ("cp1252", "prénom âge élève père mère très fenêtre François coût août"),
    "Spanish": ("cp1252", "año niño España señor tamaño edad_años montaña"),
    "Portuguese": ("cp1252", "não ação São situação opções mãe região"),
    "Danish": ("cp1252", "køn høje København år måned æble størrelse"),
}  # fmt: skip
_ROWS = 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_few_words_are_read_as_meant_or_asked_about(language: str) -> None:
    """A few words, however often they come again, are never other letters without a question."""
    page, words = LANGUAGES[language]
    chance = random.Random(7)  # noqa: S311 - a fixed draw
    wrong = []
    for count in (1, 1, 2, 2, 3, 3, 4, 4, 5, 5) * 3:
        few = chance.sample(words.split(), count)
        sample = "\n".join(few * chance.choice((1, _ROWS))).encode(page)
        if is_wrong_in_silence(sample, page):
            wrong.append(few)
    assert not wrong


def test_many_western_words_are_not_asked_about() -> None:
    """A French text is read without a doubt, though one of its words has a letter of Hungarian."""
    words = "août prénom élève père mère très fenêtre âgée été forêt rivière côté hôtel thé"
    sample = "\n".join(words.split()).encode("cp1252")
    question = ask_about_encoding("a.csv", sample, find_legacies(sample))
    assert question is None or question.strength == "strong"


def test_a_difference_far_below_is_shown() -> None:
    """Readings that differ only after lines that are alike are a question that shows the words."""
    sample = "\n".join(["Köln", "Müller", "Größe", "Gänse", "España;1", "España;2"]).encode(
        "cp1252"
    )
    question = ask_about_encoding("a.csv", sample, ["cp1252", "cp1250"])
    assert question is not None
    assert [each.preview for each in question.choices] == ["España", "Espańa"]


def is_wrong_in_silence(sample: bytes, page: str) -> bool:
    encodings = find_legacies(sample)
    question = ask_about_encoding("a.csv", sample, encodings)
    is_asked = question is not None and question.strength == "weak"
    return not is_asked and sample.decode(encodings[0], "replace") != sample.decode(page)
