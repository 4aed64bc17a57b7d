"""The pages' layout against a C header, laid out by a compiler for Windows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ac_bridge.game import Page
from ac_bridge.telemetry.layout import LAYOUTS, PageField

COMPILER = "x86_64-w64-mingw32-gcc"
HERE = Path(__file__).parent
STRUCTS = {
    Page.PHYSICS: "struct physics",
    Page.GRAPHICS: "struct graphics",
    Page.STATIC: "struct statics",
}
C_TYPES = {"i": "int", "f": "float", "u": "wchar_t"}

pytestmark = pytest.mark.skipif(
    shutil.which(COMPILER) is None, reason=f"{COMPILER} is not installed"
)


def holds(condition: str, about: str) -> str:
    return f'_Static_assert({condition}, "{about}");'


def assertions(page: Page) -> Iterator[str]:
    """What must hold of a page's struct: its size, and each field's place, size and type."""
    struct = STRUCTS[page]
    yield holds(f"sizeof({struct}) == {page.size_bytes}", struct)
    for name, field in LAYOUTS[page].fields.items():
        member = f"(({struct} *)0)->{name}"
        about = f"{struct}: {name}"
        yield holds(f"offsetof({struct}, {name}) == {field.offset}", f"{about}: offset")
        yield holds(f"sizeof({member}) == {field.size_bytes}", f"{about}: size")
        yield holds(
            f"__builtin_types_compatible_p(__typeof__({element(member, field)}), "
            f"{C_TYPES[field.kind]})",
            f"{about}: type",
        )


def element(member: str, field: PageField) -> str:
    if field.rows:
        return f"{member}[0][0]"
    return f"{member}[0]" if field.count > 1 else member


def compile_for_windows(lines: list[str]) -> subprocess.CompletedProcess[str]:
    source = '#include <stddef.h>\n#include "acpmf.h"\n' + "\n".join(lines) + "\n"
    return subprocess.run(
        [COMPILER, "-std=c11", "-Wall", "-Werror", "-fsyntax-only", f"-I{HERE}", "-xc", "-"],
        input=source,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("page", Page)
def test_every_field_lies_where_a_windows_compiler_puts_it(page: Page) -> None:
    """Size of the page, and offset, size and type of each field are those of the C struct."""
    lines = list(assertions(page))
    assert len(lines) == 1 + 3 * len(LAYOUTS[page].fields)
    done = compile_for_windows(lines)
    assert done.returncode == 0, done.stderr


def test_a_wrong_offset_does_not_compile() -> None:
    """The assertions are looked at: one that is wrong is named."""
    done = compile_for_windows([holds("offsetof(struct physics, rpms) == 21", "rpms")])
    assert done.returncode != 0
    assert "rpms" in done.stderr
