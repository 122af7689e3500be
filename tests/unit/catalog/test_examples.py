"""What we show as an example loads, without a warning, and says what its comments say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples" / "catalogs").glob("*.yaml"))
WEBHOOK = "whsec" + "_" + "QUFB" * 8
SECRETS = {
    "billing_webhook": WEBHOOK,
    "policy_webhook": WEBHOOK,
    "rates_key": "a-key-of-the-rates",
    "kb_key": "a-key-of-the-base",
    "archive_webhook": WEBHOOK,
    "aws_id": "an-access-key-id",
    "aws_key": "the-secret-access-key",
    "model_key": "a-key-of-the-models",
    "blocked_words": "word one, word two",
}


def test_these_are_shown():
    names = ["governance.yaml", "knowledge.yaml", "lambda.yaml", "models.yaml", "webhooks.yaml"]
    assert [path.name for path in EXAMPLES] == names


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_loads_without_a_warning(load, path):
    loaded = load(path.read_text(encoding="utf-8"), secrets=SECRETS)
    assert loaded.warnings == ()
    assert loaded.catalog.functions


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_its_first_lines_name_every_secret_it_needs(path):
    text = path.read_text(encoding="utf-8")
    head = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    named = set(re.findall(r"\$\{secret:([^}]+)\}", text))
    assert named == set(re.findall(r'"(\w+)": "', head))


def test_the_samples_of_the_demo_load(load):
    loaded = load((ROOT / "functions" / "samples" / "catalog.yaml").read_text(encoding="utf-8"))
    assert loaded.warnings == ()


PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCKS = [
    pytest.param(block, id=f"{page.stem} {number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL), 1)
]


def test_the_documentation_has_examples():
    assert len(BLOCKS) >= 25


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_the_documentation_loads(load, block):
    text = block if block.startswith("version:") else f"version: 1\n{block}"
    names = set(re.findall(r"\$\{secret:([^}]+)\}", text))
    load(text, secrets={name: SECRETS.get(name, WEBHOOK) for name in names})
