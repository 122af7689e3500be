"""How well names are found that were typed by ear or with a slip, on generated names; goals from crm-and-knowledge, c."""

import random
import string

import pytest
from pypinyin import lazy_pinyin

from faas_toolkit.capabilities.crm.sources.embedded.names import ENGLISH, PORTUGUESE
from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft
from tests.fakes.crm import Store, ids

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭袁潘蒋蔡余杜叶程苏魏吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾"
)
GIVEN = (
    "伟玮炜薇维威芳方敏民明鸣铭静境晶菁丽力立莉强墙磊蕾雷洋扬阳勇永咏杰洁捷涛滔桃超朝秀绣英瑛莹颖文雯闻博波雨宇语羽桐彤童子紫梓"
    "涵晗寒浩皓昊然燃思斯司远媛圆佳嘉家怡宜仪晓小筱东冬建健剑国果志智芷雪学梅枚媚豪欣新鑫心妍研言俊军君熙希曦梦孟琪奇祺"
)
HOMOPHONES = {sound: [c for c, s in zip(GIVEN, lazy_pinyin(GIVEN), strict=True) if s == sound] for sound in lazy_pinyin(GIVEN)}
PEOPLE = 3_000


def generated(seed, make):
    source, names = random.Random(seed), {}
    while len(names) < PEOPLE:
        names.setdefault(make(source), len(names) + 1)
    return names


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    names = generated(1, lambda source: source.choice(SURNAMES) + source.choice(GIVEN) + source.choice(GIVEN))
    yield from filled(tmp_path_factory.mktemp("zh"), names)


@pytest.fixture(scope="module")
def latin(tmp_path_factory):
    source = random.Random(2)
    syllables = [a + b + c for a in "bdfglmnprstv" for b in "aeiou" for c in ("", "n", "r", "l", "s")]
    givens = [written for locale in (PORTUGUESE, ENGLISH) for written, _ in locale.givens]
    families = ["".join(source.choices(syllables, k=source.randint(2, 3))).capitalize() for _ in range(600)]
    names = generated(3, lambda source: f"{source.choice(givens)} {source.choice(families)}")
    yield from filled(tmp_path_factory.mktemp("latin"), names)


def filled(folder, names):
    store = Store(folder / "crm.sqlite")
    store.add("w1", [Draft("person", number, {"name": name}) for name, number in names.items()])
    yield store, names
    store.database.close()


def recall(store, queries, at):
    """The share of queries whose person is among the first `at`; a query is a typed text and the ids that are right."""
    found = [bool(set(ids(store.find(typed, entities=("person",), limit=at))) & right) for typed, right in queries]
    return sum(found) / len(found)


def person(number):
    return {f"person:{number}"}


def with_a_homophone(name, source):
    place = source.choice((1, 2))
    others = [c for c in HOMOPHONES[lazy_pinyin(name[place])[0]] if c != name[place]]
    return name[:place] + source.choice(others) + name[place + 1 :] if others else None


def test_an_exact_chinese_name_is_always_first(chinese):
    store, names = chinese
    assert recall(store, [(name, person(number)) for name, number in list(names.items())[:300]], at=1) == 1.0


def test_a_chinese_name_with_one_homophone_is_first(chinese):
    store, names = chinese
    source = random.Random(4)
    queries = []
    for name, number in source.sample(list(names.items()), 600):
        typed = with_a_homophone(name, source)
        if typed and typed not in names:
            queries.append((typed, person(number) | rivals_in_writing(typed, names)))
    assert len(queries) > 300
    assert recall(store, queries, at=1) >= 0.99


def rivals_in_writing(typed, names):
    """Others that differ from what was typed in one character of the same sound: nothing in the query tells them apart."""
    sounds = lazy_pinyin(typed)
    places = [(place, other) for place in (1, 2) for other in HOMOPHONES.get(sounds[place], ())]
    alike = (typed[:place] + other + typed[place + 1 :] for place, other in places)
    return {f"person:{names[name]}" for name in alike if name in names}


@pytest.mark.parametrize("spelled", ["{0}{1}{2}", "{0} {1}{2}", "{0} {1} {2}", "{1}{2} {0}", "{1} {2} {0}"])
def test_a_chinese_name_in_pinyin_is_among_the_first_five(chinese, spelled):
    store, names = chinese
    chosen = random.Random(5).sample(list(names.items()), 200)
    by_sound = {}
    for name, number in names.items():
        by_sound.setdefault("".join(lazy_pinyin(name)), set()).add(f"person:{number}")
    queries = [(spelled.format(*lazy_pinyin(name)), by_sound["".join(lazy_pinyin(name))]) for name, _ in chosen]
    assert recall(store, queries, at=5) == 1.0


def test_pinyin_with_a_letter_dropped_is_found(chinese):
    store, names = chinese
    source = random.Random(6)
    queries = []
    for name, number in source.sample(list(names.items()), 150):
        typed = " ".join((lazy_pinyin(name)[0], "".join(lazy_pinyin(name)[1:])))
        place = source.randrange(1, len(typed))
        queries.append((typed[:place] + typed[place + 1 :], person(number)))
    assert recall(store, queries, at=5) >= 0.85


SLIPS = {
    "a letter left out": lambda name, at, source: name[:at] + name[at + 1 :],
    "a letter too many": lambda name, at, source: name[:at] + source.choice(string.ascii_lowercase) + name[at:],
    "another letter": lambda name, at, source: name[:at] + source.choice(string.ascii_lowercase) + name[at + 1 :],
    "two letters exchanged": lambda name, at, source: name[:at] + name[at + 1 : at + 2] + name[at] + name[at + 2 :],
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_latin_name_with_a_slip_is_found(latin, slip):
    store, names = latin
    source = random.Random(7)
    queries = []
    for name, number in source.sample(list(names.items()), 150):
        at = source.randrange(1, len(name) - 1)
        queries.append((SLIPS[slip](name, at, source), person(number)))
    assert recall(store, queries, at=1) >= 0.96
    assert recall(store, queries, at=5) >= 0.99


def test_a_latin_name_without_its_accents_in_any_order_and_case_is_first(latin):
    store, names = latin
    queries = []
    for name, number in list(names.items())[:200]:
        given, family = name.split()
        queries.append((f"{family.upper()}, {given.lower()}", person(number)))
    assert recall(store, queries, at=1) == 1.0
