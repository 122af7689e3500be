"""The loader with the operations of the tests, and the document they start from."""

from collections.abc import Callable

import pytest

from faas_toolkit.catalog.findings import CatalogFinding, CatalogInvalid
from faas_toolkit.catalog.load import LoadedCatalog, load_catalog

OPERATIONS = frozenset({"crm.lookup", "function.call", "workspace.capabilities", "workspace.diagnose"})
SECRETS = {
    "wh": "whsec" + "_" + "QUFB" * 8,
    "aws_id": "an-access-key-id",
    "aws_key": "the-secret-access-key",
    "words": "foolish, barren",
}
GOOD = """\
version: 1
roles:
  member:
    allow: [crm.read, function.call]
    functions: [score, "report_*"]
    crm: {sources: [main], hide: [person.phone]}
    mask: {email: partial, phone: drop}
  agent_admin:
    allow: ["*"]
crm:
  main: {kind: embedded}
functions:
  score:
    platform: http
    target: {url: "https://functions.example/score"}
    auth: {standard_webhook: "${secret:wh}"}
    describe: Scores how likely a customer is to leave (0 to 1).
    arguments: {type: object, required: [id], properties: {id: {type: string}}}
    result: {type: object}
    effects: none
    timeout: 20s
    cache: 5m
    limits: [{requests: 100, per: 60s}, {concurrency: 10}]
    breaker: {window: 30s, minimum: 5, failure_rate: 0.5}
  report_sales:
    platform: aws_lambda
    target: {region: eu-west-1, name: report-sales}
    auth: {access_key_id: "${secret:aws_id}", secret_access_key: "${secret:aws_key}"}
    price: {currency: USD, gb_second: 0.0000166667, request: 0.0000002, memory: 512MB}
operations:
  crm.lookup: {before: score, after: report_sales}
review:
  refuse: [{pattern: "(?i)ignore all previous"}, {words: "${secret:words}"}]
  detect: [email, phone]
limits:
  - {of: requests, limit: 200, per: 60s, by: [user]}
  - {limit: 2k, per: 1d, by: [role, app]}
network:
  allow: ["10.2.0.0/16", "http://models.internal:8000"]
audit: {keep: 180d, arguments: masked, write: durable}
"""


def _load(text: str, **given) -> LoadedCatalog:
    return load_catalog(text, **{"secrets": SECRETS, "environment": {}, "operations": OPERATIONS, **given})


def _findings(text: str, **given) -> tuple[CatalogFinding, ...]:
    with pytest.raises(CatalogInvalid) as caught:
        _load(text, **given)
    return caught.value.findings


@pytest.fixture(scope="session")
def good() -> str:
    """A document that uses everything this version serves."""
    return GOOD


@pytest.fixture(scope="session")
def secrets() -> dict[str, str]:
    """The secrets that the document names."""
    return dict(SECRETS)


@pytest.fixture(scope="session")
def load() -> Callable[..., LoadedCatalog]:
    return _load


@pytest.fixture(scope="session")
def findings() -> Callable[..., tuple[CatalogFinding, ...]]:
    """The findings of a text that must be refused."""
    return _findings
