"""`manifest.yaml`: the limits of Dify's daemon and SDK, and what the marketplace wants (marketplace.md §1.3.5, §1.4)."""

import ast
import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from workbench.package.contents import Package, Problem, at

FILE = "manifest.yaml"
SOURCE_HOSTS = ("github.com", "gitlab.com", "bitbucket.org", "gitee.com", "codeberg.org", "git.sr.ht")
TAGS = frozenset(
    [
        "search",
        "image",
        "videos",
        "weather",
        "finance",
        "design",
        "travel",
        "social",
        "news",
        "medical",
        "productivity",
        "education",
        "business",
        "entertainment",
        "utilities",
        "rag",
        "other",
    ]
)
"""Of both Dify and the SDK: `agent` and `trigger` break the upload."""

_REQUIRED = [
    "author",
    "name",
    "version",
    "type",
    "icon",
    "plugins",
    "privacy",
    "repo",
    "contact",
    "label.en_US",
    "description.en_US",
    "meta.version",
    "meta.arch",
    "meta.runner.language",
    "meta.runner.version",
    "meta.runner.entrypoint",
    "created_at",
    "resource.memory",
]
_ALONE = frozenset({"models", "agent_strategies", "datasources", "triggers"})
_VERSION = r"\d{1,4}(\.\d{1,4}){2}"


def has_every_field(package: Package) -> Iterator[Problem]:
    """Nothing that the daemon or the marketplace needs is empty."""
    for path in _REQUIRED:
        if at(package.manifest, path) in (None, "", [], {}):
            yield Problem(f"{FILE}: {path}", "is missing or empty.", "Dify or its marketplace refuses the package without it.")
    if package.manifest.get("type") != "plugin":
        yield Problem(f"{FILE}: type", "must be plugin.", "Write type: plugin")


def has_an_identity_that_dify_takes(package: Package) -> Iterator[Problem]:
    """Lower case, and not a name that belongs to Dify."""
    for key, longest in (("author", 64), ("name", 128)):
        value = str(package.manifest.get(key))
        if not re.fullmatch(rf"[a-z0-9_-]{{1,{longest}}}", value):
            yield Problem(
                f"{FILE}: {key}", f"{value!r} cannot be installed.", f"1 to {longest} of a-z, 0-9, _ and -, for example acme-crm."
            )
    if re.search("langgenius|dify", str(package.manifest.get("author"))):
        yield Problem(f"{FILE}: author", "holds a name of Dify's.", "Write your own organisation's name.")


def has_versions_that_all_readers_take(package: Package) -> Iterator[Problem]:
    """Three numbers, as texts: the daemon, the SDK (PEP 440) and YAML agree on nothing else."""
    for path in ("version", "meta.version", "meta.minimum_dify_version"):
        value = at(package.manifest, path)
        if value is not None and not (isinstance(value, str) and re.fullmatch(_VERSION, value)):
            yield Problem(
                f"{FILE}: {path}", f"{value!r} is not a version that all readers take.", 'Write three numbers, "1.2.3".'
            )


def runs_on_python_312(package: Package) -> Iterator[Problem]:
    """The runner, quoted: an unquoted 3.12 is a number and kills the start."""
    wanted = {"language": "python", "version": "3.12", "entrypoint": "main"}
    if at(package.manifest, "meta.runner") != wanted:
        yield Problem(f"{FILE}: meta.runner", "is another one.", 'Write {language: python, version: "3.12", entrypoint: main}.')
    architectures = at(package.manifest, "meta.arch")
    if not isinstance(architectures, list) or set(architectures) != {"amd64", "arm64"}:
        yield Problem(f"{FILE}: meta.arch", "must name both architectures.", "Write [amd64, arm64].")


def says_when_it_was_made(package: Package) -> Iterator[Problem]:
    """`created_at` with its time zone (RFC 3339)."""
    try:
        made = datetime.fromisoformat(str(package.manifest.get("created_at")))
    except ValueError:
        made = None
    if made is None or made.tzinfo is None:
        yield Problem(f"{FILE}: created_at", "is not a moment.", 'Write "2026-11-24T00:00:00Z", quoted.')


def can_be_reached(package: Package) -> Iterator[Problem]:
    """A repository on a host that the marketplace knows, and a person's address."""
    address = urlsplit(str(package.manifest.get("repo")))
    if address.scheme != "https" or address.hostname not in SOURCE_HOSTS:
        yield Problem(f"{FILE}: repo", "is no address of a public repository.", f"An https:// one on {', '.join(SOURCE_HOSTS)}.")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(package.manifest.get("contact"))):
        yield Problem(f"{FILE}: contact", "is not an e-mail address.", "The marketplace refuses anything else.")
    if package.manifest.get("privacy") != "PRIVACY.md":
        yield Problem(f"{FILE}: privacy", "does not name PRIVACY.md.", "Write privacy: PRIVACY.md")


def is_tagged_with_known_tags(package: Package) -> Iterator[Problem]:
    """Tags that both Dify and the SDK know, in the manifest and in the provider."""
    for place, tags in ((FILE, package.manifest.get("tags")), (package.provider_path, at(package.provider, "identity.tags"))):
        for tag in tags if isinstance(tags, list) else ():
            if tag not in TAGS:
                yield Problem(
                    f"{place}: tags", f"{tag!r} breaks the upload or the start.", f"Choose of {', '.join(sorted(TAGS))}."
                )


def declares_kinds_that_go_together(package: Package) -> Iterator[Problem]:
    """Tools and endpoints may stand together; one provider; no list that is there and empty."""
    plugins = package.manifest.get("plugins")
    for kind, paths in plugins.items() if isinstance(plugins, dict) else ():
        if kind in _ALONE:
            yield Problem(f"{FILE}: plugins.{kind}", "cannot stand beside tools.", "Make a plugin of its own of it.")
        if not isinstance(paths, list) or not paths:
            yield Problem(f"{FILE}: plugins.{kind}", "is empty, and the SDK does not start.", "Leave the key out.")
        elif len(paths) > 1:
            yield Problem(f"{FILE}: plugins.{kind}", "names several; Dify takes one of them.", "Put all into one provider.")


def asks_for_the_permissions_that_it_uses(package: Package) -> Iterator[Problem]:
    """What the code reaches through the SDK's session is asked for, and nothing else is."""
    asked = set(_granted(at(package.manifest, "resource.permission")))
    used = _used(package)
    for name in sorted(asked - used):
        yield Problem(f"{FILE}: resource.permission", f"{name} is asked for and not used.", "Take it out: a reviewer asks why.")
    for name in sorted(used - asked):
        yield Problem(f"{FILE}: resource.permission", f"{name} is used and not asked for.", "Dify refuses the call; add it.")
    size = at(package.manifest, "resource.permission.storage.size")
    if "storage" in asked and not (isinstance(size, int) and 1024 <= size <= 1 << 30):
        yield Problem(f"{FILE}: resource.permission.storage", "has no size from 1 KiB to 1 GiB.", "Write size: 1048576")


def _granted(permission: object) -> Iterator[str]:
    for name, value in permission.items() if isinstance(permission, dict) else ():
        if not isinstance(value, dict) or not value.get("enabled"):
            continue
        kinds = [kind for kind, granted in value.items() if granted is True and kind != "enabled"] if name == "model" else []
        yield from [f"model.{kind}" for kind in kinds] or [name]


def _used(package: Package) -> set[str]:
    """Read from the code: `session.storage`, `session.model.llm`, …; and `endpoint` where the manifest has endpoints."""
    used = {"endpoint"} if at(package.manifest, "plugins.endpoints") else set()
    for name, tree in package.trees.items():
        if b"session." not in package.files[name]:
            continue
        for node in ast.walk(tree):
            match ast.unparse(node).split(".") if isinstance(node, ast.Attribute) else []:
                case [*_, owner, "storage" | "tool" | "app" | "node" as reached] if owner.endswith("session"):
                    used.add(reached)
                case [*_, owner, "model", kind] if owner.endswith("session"):
                    used.add(f"model.{kind.removesuffix('_structured_output')}")
    return used


def is_ready_to_be_published(package: Package) -> Iterator[Problem]:
    """The placeholders of docs/publishing.md are gone, and the least version of Dify is said."""
    if str(package.manifest.get("contact")).endswith(".example"):
        yield Problem(f"{FILE}: contact", "is a placeholder.", "docs/publishing.md says what to change before a release.")
    if not at(package.manifest, "meta.minimum_dify_version"):
        yield Problem(f"{FILE}: meta.minimum_dify_version", "is not said.", "Write the version that it was tested on.")
