"""The log of the registry: a line that is missing, changed, doubled or forged shows."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fullcircle.core.audit_log.chain import (
    Entry,
    Kept,
    find_faults,
    follow_role,
    last_moves,
    newest_seals,
)

ALIASES = ["champion", "challenger", "shadow"]
MOVES = st.lists(
    st.tuples(st.sampled_from(ALIASES), st.sampled_from(["1", "2", "3"])), min_size=3, max_size=8
)


def keep(entry: Entry, state: str = "done") -> Kept:
    return Kept(entry.as_json(), entry.seal, state, f"line {entry.number}")


def write(moves: list[tuple[str, str]]) -> tuple[list[Entry], dict[str, str]]:
    """Chain one entry per move, and give them with the aliases as they end."""
    entries: list[Entry] = []
    aliases: dict[str, str] = {}
    for number, (alias, version) in enumerate(moves, start=1):
        before = aliases.get(alias)
        moved = {alias: [before, version]}
        sealed = newest_seals(entries)
        at = f"2025-01-01T00:00:{number:02d}+00:00"
        entries.append(Entry(number, at, "ada", "alias", "a.b.c", version, moved, previous=sealed))
        aliases[alias] = version
    return entries, aliases


@given(MOVES)
def test_a_whole_log_has_no_fault(moves: list[tuple[str, str]]) -> None:
    """What was written in order and carried out is whole, in whatever order it is read."""
    entries, aliases = write(moves)
    assert find_faults(list(map(keep, entries)), aliases) == []
    assert find_faults(list(map(keep, reversed(entries))), aliases) == []
    assert last_moves(list(map(keep, entries))) == aliases


@given(MOVES, st.data())
def test_any_missing_line_before_the_last_shows(
    moves: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Without any one of the earlier entries the log is not whole."""
    entries, aliases = write(moves)
    gone = data.draw(st.integers(0, len(entries) - 2))
    rest = [keep(entry) for place, entry in enumerate(entries) if place != gone]
    assert find_faults(rest, aliases)


@given(MOVES, st.data(), st.sampled_from(["who", "at", "act", "why", "version"]))
def test_any_changed_word_shows(
    moves: list[tuple[str, str]], data: st.DataObject, name: str
) -> None:
    """A changed field is found by its seal, or, where that was forged, by the next entry's."""
    entries, aliases = write(moves)
    place = data.draw(st.integers(0, len(entries) - 2))
    forged = replace(entries[place], **{name: "mallory"})
    kept = list(map(keep, entries))
    changed = [*kept[:place], replace(kept[place], text=forged.as_json()), *kept[place + 1 :]]
    assert any("was changed" in fault for fault in find_faults(changed, aliases))
    resealed = [*kept[:place], keep(forged), *kept[place + 1 :]]
    assert any("is missing" in fault for fault in find_faults(resealed, aliases))


def test_an_alias_elsewhere_shows_and_what_was_given_up_does_not_count() -> None:
    """The aliases must stand where the entries that were carried out left them."""
    entries, aliases = write([("champion", "1"), ("shadow", "2"), ("champion", "3")])
    kept = [keep(entries[0]), keep(entries[1]), keep(entries[2], "given up")]
    assert find_faults(kept, {**aliases, "champion": "1"}) == []
    assert find_faults(kept, aliases) == ["champion is at v3; the log left it at v1."]
    assert find_faults([], {"champion": "3"}) == [
        "champion is at v3; the log left it at no version."
    ]


def test_a_log_of_its_own_beside_the_first_shows() -> None:
    """An entry that follows nothing, but is not the first, is a fault."""
    entries, aliases = write([("champion", "1"), ("shadow", "2")])
    forged = replace(entries[1], previous=[], why="forged")
    faults = find_faults([keep(entries[0]), keep(entries[1]), keep(forged)], aliases)
    assert faults == ["Entry 2 follows nothing."]


def test_a_reign_ends_where_a_rollback_returns_to() -> None:
    """Of champions one after the other, a rollback takes away those after whom it returns to."""
    entries, _ = write([("champion", v) for v in "123"])
    back = replace(entries[-1], number=4, act="rollback", moves={"champion": ["3", "1"]})
    kept = list(map(keep, [*entries, back]))
    assert follow_role(kept, "champion", "rollback") == ["1"]
    assert follow_role(kept[:3], "champion", "rollback") == ["1", "2", "3"]
