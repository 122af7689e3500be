"""README, its translations, the privacy policy, the versions (marketplace.md §1.3.5, §1.3.6, §1.5)."""

import ast
import re
from collections.abc import Iterator

from workbench.package.contents import Package, Problem, at

TRANSLATIONS = ("zh_Hans", "ja_JP", "pt_BR")
MOST_WORDS = 500
_IDEOGRAPHS = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_SUBJECTS = {
    "setup": "how it is installed",
    "usage": "how it is used",
    "credential": "which credentials it takes",
    "connect": "what it connects to",
}
_PRIVACY_HEADINGS = ("Data Collection", "Data Usage", "Data Retention", "Contact")


def readme_is_english(package: Package) -> Iterator[Problem]:
    """No Chinese character outside fenced code; translations are in `readme/`."""
    text = _FENCED.sub(lambda fenced: "\n" * fenced.group().count("\n"), package.text("README.md"))
    for number, line in enumerate(text.splitlines(), 1):
        if _IDEOGRAPHS.search(line):
            yield Problem(f"README.md:{number}", "holds Chinese characters.", "Write English; translations go into readme/.")


def readme_names_its_source(package: Package) -> Iterator[Problem]:
    """The repository's address stands in every language."""
    for name in ("README.md", *(f"readme/README_{language}.md" for language in TRANSLATIONS)):
        if name in package.files and str(package.manifest.get("repo")) not in package.text(name):
            yield Problem(name, "does not name the source.", "Write the address of manifest.yaml: repo into it.")


def readme_tells_what_a_reviewer_looks_for(package: Package) -> Iterator[Problem]:
    """Setup, usage, credentials and connection are spoken of."""
    text = package.text("README.md").lower()
    for word, meaning in _SUBJECTS.items():
        if word not in text:
            yield Problem("README.md", f"does not say {meaning}.", f"Write a section that has the word {word!r}.")


def readme_is_short(package: Package) -> Iterator[Problem]:
    """The part for users has at most 500 words, code aside."""
    words = len(_FENCED.sub("", package.text("README.md").split("\n## Development")[0]).split())
    if words > MOST_WORDS:
        yield Problem("README.md", f"has {words} words before Development.", f"At most {MOST_WORDS}; move the rest to docs/.")


def readme_is_translated(package: Package) -> Iterator[Problem]:
    """Where Dify looks for it, and every translation names every tool."""
    names = [at(tool, "identity.name") for tool in package.tools.values()]
    for language in TRANSLATIONS:
        path = f"readme/README_{language}.md"
        text = package.text(path)
        missing = [str(name) for name in names if str(name) not in text]
        if not text:
            yield Problem(path, "is missing.", "Dify shows it to readers of that language.")
        elif missing:
            yield Problem(path, f"does not name {', '.join(missing)}.", "Describe each tool in a line.")
    for name in package.files:
        if re.fullmatch(r"README[._]\w+\.md", name):
            yield Problem(
                name, "is a translation at the top level.", f"Dify reads readme/README_<language>.md only; move {name}."
            )


def privacy_policy_says_what_is_asked(package: Package) -> Iterator[Problem]:
    """Four headings, each with text; not the template; the contact of the manifest; and every permission is spoken of."""
    text = package.text("PRIVACY.md")
    if "please fill in" in text.lower():
        yield Problem("PRIVACY.md", "is the template.", "Say what is processed, where it is kept and whom it goes to.")
    for heading in _PRIVACY_HEADINGS:
        section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
        if section is None or not section.group(1).strip():
            yield Problem(
                "PRIVACY.md", f"has no section {heading!r} with a text.", f"Write ## {heading} and what there is to say."
            )
    if str(package.manifest.get("contact")) not in text:
        yield Problem("PRIVACY.md", "names another contact than the manifest.", "Write the address of manifest.yaml: contact.")
    permission = at(package.manifest, "resource.permission")
    for name in permission if isinstance(permission, dict) else ():
        if str(name) not in text.lower():
            yield Problem("PRIVACY.md", f"does not speak of the permission {name}.", "Say what it is used for.")


def version_is_the_same_everywhere(package: Package) -> Iterator[Problem]:
    """In the manifest, in pyproject.toml and in the code."""
    version = package.manifest.get("version")
    others = {
        "pyproject.toml: project.version": at(package.project, "project.version"),
        "faas_toolkit/wiring.py: VERSION": _constant(package, "faas_toolkit/wiring.py", "VERSION"),
    }
    for place, other in others.items():
        if other != version:
            yield Problem(place, f"is {other!r}; the manifest says {version!r}.", "Write the same version in all three.")


def _constant(package: Package, name: str, constant: str) -> object:
    for node in package.trees[name].body if name in package.trees else ():
        match node:
            case ast.Assign(targets=[ast.Name(id=name_of)], value=ast.Constant(value=value)) if name_of == constant:
                return value
    return None
