"""The endpoint's systemd units: systemd reads them as meant, for any folder, and not as root."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullcircle.cli.endpoint.units import escape_path, quote_word, render_units
from fullcircle.core.errors import ConfigurationError

SETTINGS = {"host": "::1", "port": 8080}
AWKWARD = 'a b%n$HOME"q\\u0041'


def unquote(text: str) -> str:
    """Read one word as systemd.service(5) says."""
    [inner] = re.findall(r'"((?:[^"\\]|\\.)*)"$', text)
    plain = re.sub(r"\\(.)", r"\1", inner)
    assert re.sub(r"%%|\$\$", "", plain).count("%") == 0
    return plain.replace("%%", "%").replace("$$", "$")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30))
def test_any_word_is_read_back(word: str) -> None:
    """What systemd reads of a quoted word is the word, whatever stands in it."""
    assert unquote(quote_word(word)) == word


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    """The check of systemd itself accepts the units of a project in an awkward folder."""
    program = shutil.which("systemd-analyze") or pytest.skip("systemd is not installed")
    project = tmp_path / AWKWARD
    project.mkdir()
    units = render_units({"shop": project / "endpoint"}, SETTINGS, project, "daemon")
    for name, text in units.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    failed = (tmp_path / "fullcircle-failed@.service").rename(
        tmp_path / "fullcircle-failed@endpoint_shop.service"
    )
    paths = [str(failed), *(str(tmp_path / name) for name in units if "@" not in name)]
    done = subprocess.run([program, "verify", *paths], check=False, capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "fullcircle" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_service_is_hardened_and_not_roots(tmp_path: Path) -> None:
    """The unit names a user, takes all capabilities away and doubles each % of its folder."""
    service = render_units({"shop": tmp_path / AWKWARD}, SETTINGS, tmp_path / AWKWARD, "shop")[
        "fullcircle-shop.service"
    ]
    lines = dict(line.partition("=")[::2] for line in service.splitlines() if "=" in line)
    assert lines["User"] == "shop"
    assert lines["CapabilityBoundingSet"] == ""
    assert lines["ProtectSystem"] == "strict"
    assert lines["UMask"] == "0077"
    assert lines["WorkingDirectory"] == str(tmp_path / AWKWARD).replace("%", "%%")
    assert unquote(lines["ExecStart"].partition("serving")[2][1:]) == str(tmp_path / AWKWARD)
    assert sys.executable in lines["ExecStart"]


def test_root_runs_no_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of a user runs as them; one that belongs to root runs as a user of its own."""
    for owner, user in (("root", "fullcircle"), ("shop", "shop")):
        monkeypatch.setattr(Path, "owner", lambda *_, owner=owner: owner)
        service = render_units({"shop": tmp_path}, SETTINGS, tmp_path)["fullcircle-shop.service"]
        assert f"User={user}\n" in service


@pytest.mark.parametrize("name", ["a\nb", "a ", "a\\"])
def test_a_folder_that_no_unit_can_name_is_refused(name: str) -> None:
    """A folder's name with a line break cannot smuggle a line into the unit."""
    with pytest.raises(ConfigurationError, match="cannot work in a folder"):
        escape_path(Path(os.sep) / name)


def test_several_problems_share_one_service(tmp_path: Path) -> None:
    """The one service serves each problem's folder, and its failure is told under one name."""
    folders = {"shop": tmp_path / "a", "store": tmp_path / "b c"}
    units = render_units(folders, SETTINGS, tmp_path, "daemon")
    assert set(units) == {
        *("fullcircle-shop-store.socket", "fullcircle-shop-store.service"),
        "fullcircle-failed@.service",
    }
    service = units["fullcircle-shop-store.service"]
    assert f'"fullcircle.serving" "{tmp_path}/a" "{tmp_path}/b c"' in service
    assert "Requires=fullcircle-shop-store.socket\n" in service
    assert "OnFailure=fullcircle-failed@endpoint_shop_store.service\n" in service
    failed = units["fullcircle-failed@.service"]
    assert "schedule report %i failed" in failed
    assert "User=daemon\n" in failed
