"""What people read, in the languages that Dify shows (marketplace.md §1.4)."""

import re
from collections.abc import Iterator
from typing import Any

from workbench.package.contents import Package, Problem

LANGUAGES = ("en_US", "zh_Hans", "ja_JP", "pt_BR")
LONGEST = 1_023

_TEXT_KEYS = frozenset(["label", "description", "human", "human_description", "help", "placeholder"])
_ASIAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\u3040-\u30ff]")


def texts_are_there_in_four_languages(package: Package) -> Iterator[Problem]:
    """Each text, in the four languages that Dify knows, within its bound."""
    for place, text in _texts(package):
        if tuple(text) != LANGUAGES:
            yield Problem(place, f"is there in {', '.join(map(str, text))}.", f"Write {', '.join(LANGUAGES)}, in this order.")
        for language, words in text.items():
            if not isinstance(words, str) or not words.strip() or len(words) > LONGEST:
                yield Problem(f"{place}.{language}", "is empty or too long.", f"1 to {LONGEST:,} characters.")


def translations_are_of_their_own_language(package: Package) -> Iterator[Problem]:
    """English has no Asian character, Chinese and Japanese have some, Portuguese is not English; short labels may be alike."""
    for place, text in _texts(package):
        english, chinese, japanese, portuguese = (str(text.get(language)) for language in LANGUAGES)
        if place.endswith((".label", ".placeholder")):
            continue
        if _ASIAN.search(english):
            yield Problem(f"{place}.en_US", "is not English.", "English comes first everywhere.")
        if not _ASIAN.search(chinese) or not _ASIAN.search(japanese) or japanese == chinese or portuguese == english:
            yield Problem(place, "has a translation that is a copy.", "Translate it, or ask somebody who can.")


def _texts(package: Package) -> Iterator[tuple[str, dict[str, Any]]]:
    documents = {"manifest.yaml": package.manifest, package.provider_path: package.provider, **package.tools}
    documents[package.group_path] = package.group
    for place, document in documents.items():
        yield from _shown(document, f"{place}: ")


def _shown(node: object, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping that is shown to people, with where it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _TEXT_KEYS and isinstance(value, dict) and not {"human", "type"} & set(value):
                yield f"{path}.{key}", value
            else:
                yield from _shown(value, f"{path}.{key}")
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from _shown(item, f"{path}[{number}]")
