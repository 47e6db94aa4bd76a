"""The code page of text from before Unicode is told by its words."""

# ruff: noqa: RUF001 - letters of many scripts are the matter here

import pytest

from fullcircle.ingestion.code_pages import find_legacies

WORDS = {
    "cp1252": ["Müller\nGröße", "café\noù élève", "señor\nniño", "Ångström\ngård", "ação não",
               "20 °C, 5 €, 12 m²", "don’t “quote”", "1\u00a0240,50;2\u00a0360,75"],
    "cp1250": ["Łódź\nKraków\nmały", "żółw", "příliš\nkůň\nděti", "żółw piątek"],
    "cp1251": ["Москва", "улица\nработа", "Хорошая книга"],
    "koi8_r": ["Москва", "дом", "улица\nработа", "Вечер, город"],
    "cp866": ["Москва улица"],
    "cp932": ["東京都", "ありがとう", "カタカナ", "山田太郎 会社員", "1’240.5"],
    "euc_jp": ["ありがとう", "カタカナ 日本語", "15’158’740,458.9"],
    "big5": ["台北 我們的"],
    "cp949": ["서울 안녕하세요"],
    "cp1253": ["Αθήνα καλημέρα"],
    "cp1254": ["İstanbul ağaç"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "words"), [(page, each) for page, words in WORDS.items() for each in words]
)
def test_words_tell_their_code_page(page: str, words: str) -> None:
    """Bytes of a code page are decoded to the letters meant, by a few words alone."""
    assert find_page(words.encode(page)) == words


def find_page(sample: bytes) -> str:
    return sample.decode(find_legacies(sample)[0])
