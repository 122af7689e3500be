"""The section `models`: what is right, and what a mistake is told."""

import pytest
from pydantic import TypeAdapter, ValidationError

from faas_toolkit.capabilities.models.config import ModelsConfig

MAIN = {"name": "main", "kind": "openai", "url": "https://m.example/v1", "model": "x"}
PRICE = {"currency": "CNY", "per": "1M tokens", "input": 2, "output": 3}
WINDOW = {"days": "mon-fri", "from": "00:30", "to": "08:30", "zone": "Asia/Shanghai", "input": 1, "output": 1.5}


def load(deployment=MAIN, **pool):
    return TypeAdapter(ModelsConfig).validate_python({"pools": {"chat": {"deployments": [deployment], **pool}}}).pools["chat"]


def wrong(deployment=MAIN, **pool):
    with pytest.raises(ValidationError) as caught:
        load(deployment, **pool)
    return str(caught.value)


def test_an_empty_section_has_no_pools():
    assert TypeAdapter(ModelsConfig).validate_python({}).pools == {}


def test_the_defaults_are_the_documented_ones():
    pool = load()
    assert (pool.strategy, pool.max_wait, pool.deployments[0].timeout) == ("ordered", 5.0, 20.0)


@pytest.mark.parametrize("strategy", ["weighted", "least_busy", "fastest", "cheapest", "fits", "rule", "canary"])
def test_a_strategy_of_a_later_version_says_so(strategy):
    assert "not served by this version yet; it serves ordered" in wrong(strategy=strategy)


@pytest.mark.parametrize(
    ("deployment", "told"),
    [
        ({**MAIN, "url": "models"}, "whole address"),
        ({**MAIN, "kind": "generate"}, "openai"),
        ({**MAIN, "limit": []}, "limit"),
        ({**MAIN, "name": "a b"}, "name"),
        ({**MAIN, "timeout": "60s"}, "less than or equal to 50"),
        ({**MAIN, "auth": {"standard_webhook": "whsec_" + "QUFB" * 8}}, "bearer"),
        ({"name": "x", "kind": "dify", "model": "m"}, "provider"),
        ({"name": "x", "kind": "function"}, "function"),
        ({"name": "x", "kind": "function", "function": "f", "limits": [{"concurrency": 1}]}, "limits"),
        ({**MAIN, "price": {**PRICE, "per": "0 tokens"}}, "at least 1"),
        ({**MAIN, "price": {**PRICE, "input": -1}}, "greater than or equal"),
        ({**MAIN, "price": {**PRICE, "input": float("nan")}}, "finite"),
        ({**MAIN, "price": {**PRICE, "date": "tomorrow"}}, "2026-11-01"),
        ({**MAIN, "price": {**PRICE, "windows": [{**WINDOW, "zone": "Mars/Base"}]}}, "Asia/Shanghai"),
        ({**MAIN, "price": {**PRICE, "windows": [{**WINDOW, "zone": "../etc/passwd"}]}}, "Asia/Shanghai"),
        ({**MAIN, "price": {**PRICE, "windows": [{**WINDOW, "from": "25:00"}]}}, "08:30"),
        ({**MAIN, "price": {**PRICE, "windows": [{**WINDOW, "from": 30}]}}, "08:30"),
        ({**MAIN, "price": {**PRICE, "windows": [{**WINDOW, "days": "someday"}]}}, "mon-fri"),
        ({**MAIN, "price": {**PRICE, "windows": [{**WINDOW, "days": []}]}}, "mon-fri"),
    ],
)
def test_a_mistake_is_told_what_would_be_right(deployment, told):
    assert told in wrong(deployment)


def test_two_deployments_have_two_names():
    assert "the same name" in wrong(deployments=[MAIN, MAIN])


def test_a_pool_has_a_deployment():
    assert "deployments" in wrong(deployments=[])


# 2026-11-26 is a Thursday; 00:00 UTC is 08:00 in Shanghai.
THURSDAY = 1_795_651_200.0
HOUR = 3_600.0


@pytest.mark.parametrize(
    ("epoch", "amount"),
    [
        (THURSDAY, 1.0),
        (THURSDAY + 0.49 * HOUR, 1.0),
        (THURSDAY + 0.5 * HOUR, 2.0),
        (THURSDAY + 16 * HOUR, 2.0),
        (THURSDAY + 16.5 * HOUR, 1.0),
        (THURSDAY + 48 * HOUR, 2.0),
    ],
)
def test_a_window_has_its_own_prices_on_its_own_days_in_its_own_zone(epoch, amount):
    price = load({**MAIN, "price": {**PRICE, "windows": [WINDOW]}}).deployments[0].price.to_price()
    assert price.cost(1_000_000, 0, epoch) == {"amount": amount, "currency": "CNY"}


@pytest.mark.parametrize(("hours", "amount"), [(13, 2.0), (14, 1.0), (20, 1.0), (23.9, 1.0), (24.1, 2.0)])
def test_a_window_may_go_past_midnight(hours, amount):
    night = {**WINDOW, "days": "thu", "from": "22:00", "to": "08:00"}
    price = load({**MAIN, "price": {**PRICE, "windows": [night]}}).deployments[0].price.to_price()
    assert price.cost(1_000_000, 0, THURSDAY + hours * HOUR)["amount"] == amount


def test_days_may_be_a_list_and_go_past_sunday():
    window = {**WINDOW, "days": ["sat-mon", "wed"]}
    assert load({**MAIN, "price": {**PRICE, "windows": [window]}}).deployments[0].price.windows[0].days == {5, 6, 0, 2}


def test_prompt_and_answer_are_counted_at_their_own_prices():
    assert load({**MAIN, "price": PRICE}).deployments[0].price.to_price().cost(1_000, 500, 0.0) == {
        "amount": 0.0035,
        "currency": "CNY",
    }
