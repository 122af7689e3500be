"""What README.md tells people to type works."""

import re

from tests.rules.tree import ROOT
from workbench import catalog_file

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_minimal_catalog_is_accepted_as_it_stands():
    (catalog,) = re.findall(r"```yaml\n(version: 1\n.*?)```", README, re.DOTALL)
    assert list(catalog_file.findings(catalog)) == []


def test_every_task_that_a_text_names_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    texts = [README, *(path.read_text(encoding="utf-8") for path in [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])]
    named = {task for text in texts for task in re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE)}
    assert {"demo", "test", "dev"} <= named
    assert named <= targets


def test_every_file_that_a_text_links_to_exists():
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_first_ten_lines_say_what_for_whom_and_what_the_demo_shows():
    beginning = "\n".join(README.splitlines()[:10])
    for words in ("**What.**", "**For whom.**", "**The demo**"):
        assert words in beginning


def test_every_path_that_the_documents_name_exists():
    """In backticks, with a suffix or a trailing slash, from the root or from the package; `<x>` and `*` stand for anything."""
    texts = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")]
    for path in texts:
        for named in re.findall(r"`([\w<>*./-]+(?:\.py|\.yaml|\.md|/))`", path.read_text(encoding="utf-8")):
            pattern = re.sub(r"<\w+>", "*", named).strip("/")
            found = [*ROOT.glob(pattern), *(ROOT / "faas_toolkit").rglob(pattern), *path.parent.glob(pattern)]
            assert found, f"{path.name}: {named}"
