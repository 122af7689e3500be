"""The list of rules: which hold for every package, which only for one that everybody can install, and which only warn."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from workbench.package.contents import Package, Problem
from workbench.package.rules import code, documents, endpoint, files, language, manifest, provider, requirements, tool

type Rule = Callable[[Package], Iterable[Problem]]

FOR_ALL: tuple[Rule, ...] = (
    files.what_is_named_is_there,
    files.holds_nothing_blocked,
    files.holds_no_binary,
    files.is_small,
    files.has_a_picture_of_its_own,
    code.yaml_can_be_read,
    code.holds_no_secret,
    code.python_compiles,
    manifest.has_every_field,
    manifest.has_an_identity_that_dify_takes,
    manifest.has_versions_that_all_readers_take,
    manifest.runs_on_python_312,
    manifest.says_when_it_was_made,
    manifest.can_be_reached,
    manifest.is_tagged_with_known_tags,
    manifest.declares_kinds_that_go_together,
    manifest.asks_for_the_permissions_that_it_uses,
    provider.provider_has_every_field,
    provider.provider_uses_no_anchor,
    provider.settings_can_be_filled_in,
    endpoint.endpoints_can_be_routed,
    endpoint.endpoint_settings_can_be_filled_in,
    tool.tools_have_names_that_dify_and_models_take,
    tool.models_read_what_a_tool_does,
    tool.models_read_what_a_parameter_takes,
    tool.parameters_are_of_types_that_arrive,
    tool.parameters_have_every_field,
    tool.shared_parameters_are_the_same_on_every_tool,
    tool.variables_can_be_used,
    language.texts_are_there_in_four_languages,
    documents.privacy_policy_says_what_is_asked,
    requirements.every_pin_is_exact,
    requirements.every_dependency_has_two_bounds,
    requirements.the_sdk_is_new_enough,
    requirements.pins_and_bounds_agree,
    requirements.dify_builds_and_resolves_nothing_else,
    requirements.no_package_host_is_named,
)
"""Dify refuses or breaks what fails one of these."""

FOR_PUBLIC: tuple[Rule, ...] = (
    files.holds_allowed_names_only,
    language.translations_are_of_their_own_language,
    documents.readme_is_english,
    documents.readme_names_its_source,
    documents.readme_tells_what_a_reviewer_looks_for,
    documents.readme_is_short,
    documents.readme_is_translated,
    documents.version_is_the_same_everywhere,
)
"""What the marketplace and this project ask of the plugin that everybody installs."""

FOR_PRIVATE: tuple[Rule, ...] = (files.holds_allowed_names_and_a_catalog_only,)
"""What a package with a catalog of its own keeps instead."""

WARNINGS: tuple[Rule, ...] = (
    files.holds_nothing_doubtful,
    code.every_request_has_a_timeout,
    requirements.nothing_heavy_is_installed,
    manifest.is_ready_to_be_published,
)
"""What a reviewer of the marketplace asks about."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A problem, with the rule that found it."""

    rule: str
    severity: Literal["error", "warning"]
    problem: Problem


def check(package: Package, *, private: bool = False) -> list[Violation]:
    """Everything that is wrong with a package, errors first."""
    return [*_found(FOR_ALL + (FOR_PRIVATE if private else FOR_PUBLIC), package, "error"), *_found(WARNINGS, package, "warning")]


def _found(rules: Iterable[Rule], package: Package, severity: Literal["error", "warning"]) -> Iterator[Violation]:
    for rule in rules:
        for problem in rule(package):
            yield Violation(rule.__name__, severity, problem)
