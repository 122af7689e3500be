"""The sample of a fresh install: real in shape, made up in content, the same everywhere, gone with the first import."""

import re
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from faas_toolkit.capabilities.crm.fields import FIELDS
from faas_toolkit.capabilities.crm.sources.embedded.names import LOCALES
from faas_toolkit.capabilities.crm.sources.embedded.sample import sample_drafts
from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft
from tests.fakes.crm import Store, ids
from tests.fakes.processes import READY, at_once

TODAY = date(2026, 11, 24)
ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def drafts():
    return sample_drafts(TODAY)


def of(drafts, entity):
    return [draft.values for draft in drafts if draft.entity == entity]


def test_it_has_the_size_of_a_small_firm(drafts):
    counts = Counter(draft.entity for draft in drafts)
    assert counts["company"] >= 60
    assert counts["person"] >= 300
    assert counts["deal"] >= 400
    assert min(counts["ticket"], counts["activity"]) >= 100


def test_it_is_the_same_in_every_process():
    program = (
        "import hashlib; from datetime import date\n"
        "from faas_toolkit.capabilities.crm.sources.embedded.sample import sample_drafts\n"
        "print(hashlib.sha256(repr(sample_drafts(date(2026, 11, 24))).encode()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, cwd=ROOT, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_another_day_moves_the_dates_and_nothing_else(drafts):
    later = sample_drafts(TODAY + timedelta(days=100))
    for before, after in zip(drafts, later, strict=True):
        assert {n: v for n, v in before.values.items() if not is_date(v)} == {
            n: v for n, v in after.values.items() if not is_date(v)
        }


def is_date(value):
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def test_every_language_has_its_people(drafts):
    assert {values["country"] for values in of(drafts, "person")} == {locale.country for locale in LOCALES}
    for locale in LOCALES:
        assert sum(values["country"] == locale.country for values in of(drafts, "person")) >= 70


def test_nobody_real_can_be_reached(drafts):
    people, companies = of(drafts, "person"), of(drafts, "company")
    assert all(values["domain"].endswith(".example") for values in companies)
    assert all(re.fullmatch(r"[a-z0-9.-]+@[a-z-]+\.example", values["email"]) for values in people)
    reserved = r"\+86 21 0\d{3} \d{4}|\+81 3-0\d{3}-\d{4}|\+55 11 0\d{3}-\d{4}|\+44 20 7946 0\d{3}"
    assert all(re.fullmatch(reserved, values["phone"]) for values in people + companies)


def test_addresses_and_domains_are_unique(drafts):
    assert len({values["email"] for values in of(drafts, "person")}) == len(of(drafts, "person"))
    assert len({values["domain"] for values in of(drafts, "company")}) == len(of(drafts, "company"))


def test_some_names_are_shared_and_some_only_sound_alike(drafts):
    names = Counter(values["name"] for values in of(drafts, "person"))
    assert all(names[name] >= 2 for name in ("Maria Silva", "张伟", "佐藤 健一", "John Smith"))
    assert names["张薇"] >= 1
    assert max(names.values()) < 10


def test_dates_fit_what_they_tell(drafts):
    today = TODAY.isoformat()
    for values in of(drafts, "deal"):
        assert values["open"] == (values["stage"] not in ("won", "lost"))
        assert values["open"] or values["close_date"] < today
        assert values["created"] < values["close_date"]
    for values in of(drafts, "ticket"):
        assert values["open"] == (values["closed"] is None)
        assert values["closed"] is None or values["created"] <= values["closed"] <= today
    assert all(values["date"] <= today for values in of(drafts, "activity"))


def test_links_lead_to_records_of_the_sample(drafts):
    known = {(draft.entity, draft.id) for draft in drafts}
    for draft in drafts:
        for field in FIELDS[draft.entity]:
            number = draft.values.get(field.name)
            if field.type == "link" and number is not None:
                assert (field.name, number) in known
    people = {draft.id: draft.values for draft in drafts if draft.entity == "person"}
    assert all(people[values["person"]]["company"] == values["company"] for values in of(drafts, "deal") + of(drafts, "ticket"))


@pytest.fixture
def fresh(tmp_path):
    store = Store(tmp_path / "crm.sqlite")
    yield store
    store.database.close()


def test_the_first_lookup_of_any_workspace_finds_the_one_sample(fresh):
    found = [fresh.find("Maria Silva", workspace=name) for name in ("w1", "w2")]
    assert ids(found[0]) == ids(found[1])
    assert [each.label for each in found] == ["sample", "sample"]
    assert found[0].version == found[1].version


def test_it_disappears_with_the_first_record_of_the_workspace_and_for_nobody_else(fresh):
    assert fresh.find("Maria Silva").total
    fresh.add("w1", [Draft("person", 1, {"name": "Zoë Own"})])
    assert fresh.find("Maria Silva").total == 0
    assert (ids(fresh.find("zoe own")), fresh.find("zoe own").label) == (["person:1"], None)
    assert fresh.find("Maria Silva", workspace="w2").label == "sample"
    assert fresh.find("zoe own", workspace="w2").total == 0


def test_a_month_later_it_is_made_anew_under_a_new_version(fresh):
    before = fresh.find(entities=("deal",), filters={"open": True}, limit=50)
    fresh.clock.advance(29 * 86_400)
    assert fresh.find("Maria Silva").version == before.version
    fresh.clock.advance(2 * 86_400)
    after = fresh.find(entities=("deal",), filters={"open": True}, limit=50)
    assert (ids(after), after.total) == (ids(before), before.total)
    assert after.version != before.version
    assert after.records[0].values["close_date"] > before.records[0].values["close_date"]


def test_processes_that_start_at_once_make_it_once(tmp_path):
    program = (
        "import sys; from pathlib import Path; from tests.fakes.crm import Store\n"
        "store = Store(Path(sys.argv[1])); store.database.read(lambda connection: None)\n"
        f"{READY}"
        "found = store.find('Maria Silva'); print(found.total, found.version)"
    )
    results = at_once(program, str(tmp_path / "crm.sqlite"))
    assert len(set(results)) == 1, results
    assert results[0][0].split()[1] == "1.1"
    assert results[0][1] == ""
