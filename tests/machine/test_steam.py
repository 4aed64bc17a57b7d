"""Steam's folders: Valve's text format, libraries, the game and its documents."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.machine import steam
from ac_bridge.machine.steam import (
    GAME,
    PREFIX,
    PROTON_DOCUMENTS,
    find_places,
    library_paths,
    parse_key_values,
    steam_libraries,
)
from helpers.machine import make_game, vdf_of

NEW = r"""
"libraryfolders"
{
    "0"
    {
        "path"  "C:\\Program Files (x86)\\Steam"
        "apps" { "244210" "13421772800" }
    }
    "1" { "Path" "D:\\Spiele \"alt\"" } // a comment with "quotes" and {
    "contentstatsid" "-123"
}
"""
OLD = r'"LibraryFolders" { "TimeNextStatsReport" "1563" "1" "E:\\Steam" }'


def test_both_forms_of_a_library_list_are_read() -> None:
    """Blocks with a path, and bare paths; escapes are undone, other entries passed over."""
    assert library_paths(NEW) == [r"C:\Program Files (x86)\Steam", 'D:\\Spiele "alt"']
    assert library_paths(OLD) == [r"E:\Steam"]


def test_key_values_nest() -> None:
    """Keys in lower case, bare words as well, blocks in blocks; a key given twice is one block."""
    text = 'A { b c "D" "e f" } a { g { } }'
    assert parse_key_values(text) == {"a": {"b": "c", "d": "e f", "g": {}}}


@pytest.mark.parametrize(
    "text",
    ['"a"', '"a" {', "}", "{ }", '"a" { "b" }', '"a" "b" "a" { }'],
)
def test_broken_key_values_are_refused(text: str) -> None:
    """Half a pair, braces that do not match, a name for both a text and a block."""
    with pytest.raises(ValueError, match=r"."):
        parse_key_values(text)


@pytest.mark.parametrize("text", ["", '"a" "b"', '"libraryfolders" "b"'])
def test_a_text_without_libraries_is_refused(text: str) -> None:
    """KeyValues of something else."""
    with pytest.raises(ValueError, match="libraryfolders"):
        library_paths(text)


@given(st.text(alphabet='"{}\\/ab01 \n'))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No other exception, and no endless loop."""
    try:
        assert isinstance(parse_key_values(text), dict)
    except ValueError:
        assert text.strip()


@given(st.lists(st.text(min_size=1), max_size=4))
def test_any_path_survives(paths: list[str]) -> None:
    """Whatever a folder is called, it comes out as it went in."""
    assert library_paths(vdf_of(paths)) == paths


def test_libraries_are_followed(tmp_path: Path) -> None:
    """Steam's own folder and what its list names, each once, as far as they exist."""
    root, other = tmp_path / "steam", tmp_path / "games"
    other.mkdir()
    (root / "steamapps").mkdir(parents=True)
    listed = vdf_of([str(root), str(other), str(tmp_path / "unplugged")])
    (root / "steamapps/libraryfolders.vdf").write_text(listed)
    link = tmp_path / "link"
    link.symlink_to(root)
    assert steam_libraries([tmp_path / "nowhere", root, link]) == [root, other]


def test_an_unreadable_list_leaves_steams_own_folder(tmp_path: Path) -> None:
    """A broken file hides only the other libraries."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/libraryfolders.vdf").write_bytes(b'\xff\x00"libraryfolders" {')
    assert steam_libraries([tmp_path]) == [tmp_path]


@pytest.mark.skipif(sys.platform == "win32", reason="Proton is for Linux")
def test_the_game_is_found_where_steam_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a second library, with its documents in the Proton prefix there."""
    root, other = tmp_path / "steam", tmp_path / "games"
    (root / "steamapps").mkdir(parents=True)
    (root / "steamapps/libraryfolders.vdf").write_text(vdf_of([str(root), str(other)]))
    game = make_game(other / GAME)
    documents = other / PREFIX / PROTON_DOCUMENTS[-1]
    documents.mkdir(parents=True)
    monkeypatch.setattr(steam, "steam_roots", lambda: [root])
    places = find_places()
    assert (places.game, places.documents) == (game, documents)
    assert places.libraries == (root, other)
    assert places.controls == documents / "cfg/controls.ini"


def test_a_folder_without_the_executable_is_no_game(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an uninstalled game leaves behind is not the game."""
    (tmp_path / GAME).mkdir(parents=True)
    monkeypatch.setattr(steam, "steam_roots", lambda: [tmp_path])
    places = find_places()
    assert (places.game, places.documents, places.controls) == (None, None, None)


def test_what_is_said_outright_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders from the command line beat the search, also where they turn out to be wrong."""
    monkeypatch.setattr(steam, "steam_roots", lambda: [tmp_path])
    make_game(tmp_path / GAME)
    elsewhere = make_game(tmp_path / "elsewhere")
    documents = tmp_path / "docs"
    documents.mkdir()
    places = find_places(elsewhere, documents)
    assert (places.game, places.documents) == (elsewhere, documents)
    places = find_places(tmp_path / "wrong", tmp_path / "wrong")
    assert (places.game, places.documents) == (None, None)
