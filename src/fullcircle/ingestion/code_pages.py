"""The code page of text from before Unicode: told by how likely its words are."""

# Code pages that tables are really written in; the first is what is taken in doubt.
_LEGACY = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r",
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "iso8859_2", "cp850", "cp866", "mac_roman",
)  # fmt: skip

_WESTERN = set(
    "äöüßÄÖÜéëáâåæøñçíîïóôõœúûÉÈÀÁÂÅÆØÑÇÍÓÕÔÚÊàèêìòùãÃ"
    "°²³€£§µ©®«»½ªº±·…\u2019\u2018\u201c\u201d\u2013\u2014\u00b4\u00d7"
)
_DOUBTFUL = set("õûþðýÞÐÝ")  # where other languages have letters of their own
_SURE = set("çãñåàêôèæÇÃÑÅÀÊÔÈÆß")


def find_legacies(sample: bytes) -> list[str]:
    """Return the code pages that lines with letters beyond ASCII may be of, the likeliest first."""
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=list(_LEGACY), enable_fallback=False)
    best = found.best()
    if best is None:
        return [_LEGACY[0]]
    near = {
        name
        for each in found
        if each.chaos <= best.chaos + 0.02
        for name in (each.encoding, *each.could_be_from_charset)
    }
    # Few letters fit many code pages; of these, the commonest is meant.
    first = _LEGACY[0] if _LEGACY[0] in near and _is_western(sample) else str(best.encoding)
    return [first, *(each for each in _LEGACY if each in near and each != first)]


def _is_western(sample: bytes) -> bool:
    """Tell whether a sample read as Windows-1252 has only letters that Western words have."""
    odd = [letter for letter in sample.decode("cp1252", errors="replace") if ord(letter) > 127]
    if sum(letter in _WESTERN for letter in odd) < 0.9 * len(odd):
        return False
    return not (_DOUBTFUL & set(odd)) or bool(_SURE & set(odd))
