"""quality_scale.yaml names every rule once, and nothing in it is claimed without something that can be looked at."""

import pytest
import yaml

from tests.rules.tree import ROOT, parsed

RULES = {
    "platinum": "async-dependency inject-websession strict-typing",
    "gold": (
        "diagnostics repair-issues exception-translations entity-translations icon-translations entity-category "
        "entity-disabled-by-default entity-device-class reconfiguration-flow dynamic-devices stale-devices discovery "
        "discovery-update-info devices docs-data-update docs-examples docs-known-limitations docs-supported-devices "
        "docs-supported-functions docs-troubleshooting docs-use-cases"
    ),
    "silver": (
        "action-exceptions test-coverage parallel-updates log-when-unavailable entity-unavailable reauthentication-flow "
        "config-entry-unloading docs-configuration-parameters docs-installation-parameters integration-owner"
    ),
    "bronze": (
        "action-setup test-before-configure test-before-setup config-flow config-flow-test-coverage unique-config-entry "
        "runtime-data common-modules entity-unique-id has-entity-name entity-event-setup appropriate-polling "
        "dependency-transparency brands docs-actions docs-triggers docs-conditions docs-high-level-description "
        "docs-installation-instructions docs-removal-instructions"
    ),
    "marketplace": (
        "single-package pull-request-text project-structure manifest icon version readme privacy-policy dependencies-install "
        "sdk-version install-test packaging-test access-domains vulnerabilities"
    ),
}
"""Home Assistant's scale by tier (20 + 10 + 21 + 3), and the public checks of Dify's marketplace with the two that warn."""

SCALE = yaml.safe_load((ROOT / "quality_scale.yaml").read_text(encoding="utf-8"))
ENTRIES = {rule: entry for tier in SCALE.values() for rule, entry in tier.items()}


def test_every_rule_has_one_entry_in_its_tier():
    assert {tier: list(entries) for tier, entries in SCALE.items()} == {tier: names.split() for tier, names in RULES.items()}
    assert len(ENTRIES) == sum(map(len, SCALE.values())), "a rule stands in two tiers"


@pytest.mark.parametrize("rule", ENTRIES)
def test_an_entry_says_its_status_and_what_that_stands_on(rule):
    entry = ENTRIES[rule]
    assert set(entry) <= {"status", "evidence", "comment"}
    assert entry["status"] in ("done", "todo", "exempt")
    if entry["status"] == "done":
        assert entry["evidence"], "done needs evidence"
    else:
        assert len(entry["comment"]) > 20, "say what is missing, or why it does not apply"


@pytest.mark.parametrize("rule", ENTRIES)
def test_the_evidence_is_there(rule):
    for evidence in ENTRIES[rule].get("evidence", ()):
        path, _, test = evidence.partition("::")
        assert (ROOT / path).exists(), evidence
        assert not test or test in {node.name for node in parsed(ROOT / path).body if hasattr(node, "name")}, evidence
