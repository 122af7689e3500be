"""The provider's YAML: what the daemon drops in silence, and what the SDK does not start with (dify-runtime.md §1.2)."""

import re
from collections.abc import Iterator

from workbench.package.contents import Package, Problem, at

SETTING_TYPES = ("secret-input", "text-input", "select", "boolean", "model-selector", "app-selector")
_ALIAS = re.compile(r"^\s*(?:-\s+)?(?:[\w-]+:\s+)?[&*]\w", re.MULTILINE)


def provider_has_every_field(package: Package) -> Iterator[Problem]:
    """Author and icons as in the manifest; a description, which the daemon would fill in and the SDK wants."""
    identity = package.provider.get("identity") or {}
    for key in ("name", "label", "description", "icon"):
        if not at(identity, key):
            yield Problem(
                f"{package.provider_path}: identity.{key}", "is missing or empty.", "The SDK does not start without it."
            )
    if not re.fullmatch(r"[a-zA-Z0-9_-]+", str(at(identity, "name"))):
        yield Problem(f"{package.provider_path}: identity.name", "cannot be used in an id.", "Letters, digits, _ and - only.")
    for key in ("author", "icon", "icon_dark"):
        if at(identity, key) != package.manifest.get(key):
            yield Problem(f"{package.provider_path}: identity.{key}", "is another one than the manifest's.", "Write the same.")


def provider_uses_no_anchor(package: Package) -> Iterator[Problem]:
    """The daemon drops YAML aliases there in silence: a tool, or a setting, would be gone."""
    text = package.text(package.provider_path)
    for found in _ALIAS.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Problem(f"{package.provider_path}:{line}", "uses a YAML anchor or alias.", "Write the value out.")


def settings_can_be_filled_in(package: Package) -> Iterator[Problem]:
    """A mapping of settings, each of a type that the form knows, with a label; a help that says what it is."""
    settings = package.provider.get("credentials_for_provider", {})
    if "credentials_schema" in package.provider or not isinstance(settings, dict):
        yield Problem(
            package.provider_path,
            "has no mapping credentials_for_provider.",
            "The SDK reads that key only; leave it out if empty.",
        )
        return
    for name, setting in settings.items():
        yield from can_be_filled_in(f"{package.provider_path}: {name}", setting)


def can_be_filled_in(place: str, setting: object) -> Iterator[Problem]:
    """One setting of a provider or of an endpoint group."""
    if at(setting, "type") not in SETTING_TYPES:
        yield Problem(f"{place}: type", f"{at(setting, 'type')!r} is none of the form's.", f"One of {', '.join(SETTING_TYPES)}.")
    for key in ("label", "help"):
        if not at(setting, f"{key}.en_US"):
            yield Problem(f"{place}: {key}", "is missing.", "It is all that an administrator sees.")
