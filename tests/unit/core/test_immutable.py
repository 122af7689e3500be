"""Values: what they have of a dataclass, and who sees to it that nobody changes one."""

from dataclasses import field, replace

import pytest
from mypy import api

from faas_toolkit.core.immutable import immutable


@immutable
class Point:
    """In a plane."""

    x: int
    y: int = 0


@immutable(kw_only=True)
class Named[T]:
    """Something with names."""

    what: T
    names: tuple[str, ...] = field(default=(), repr=False)


@immutable(eq=False)
class Own:
    """Equal to nothing but itself."""

    x: int


def test_it_is_a_dataclass_with_equality_a_hash_and_slots():
    assert Point(1) == Point(1, 0) != Point(1, 2)
    assert len({Point(1), Point(1, 0), Point(2)}) == 2
    assert replace(Point(1), y=5) == Point(1, 5)
    assert repr(Named(what=Point(1), names=("a",))) == "Named(what=Point(x=1, y=0))"
    assert Own(1) != Own(1)
    with pytest.raises(TypeError):
        Named(3)
    with pytest.raises(AttributeError):
        Point(1).z = 3


@pytest.mark.parametrize(
    "change",
    [
        "Point(1).x = 5",
        "Named(what=1).what = 5",
        "replace(Point(1), y=2).y = 5",
        "def f(call: Call) -> None:\n    call.depth = 5",
    ],
)
def test_the_type_checker_refuses_to_change_one(change, tmp_path):
    source = tmp_path / "changes.py"
    source.write_text(
        "from dataclasses import replace\n"
        "from faas_toolkit.core.call import Call\n"
        "from faas_toolkit.core.immutable import immutable\n\n"
        "@immutable\nclass Point:\n    x: int\n    y: int = 0\n\n"
        "@immutable(kw_only=True)\nclass Named[T]:\n    what: T\n\n"
        f"{change}\n"
    )
    said, _, code = api.run(
        ["--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}", "--follow-imports=silent", str(source)]
    )
    assert code == 1
    assert "is read-only" in said
    assert said.count("error") == 2  # it, and the line that counts it
