"""Names are resolved within the scope: nothing shows that is not open, and near names are offered."""

import pytest

from faas_toolkit.core.call import Scope
from faas_toolkit.core.errors import NotFound
from faas_toolkit.core.naming import chosen, visible

NAMES = ("main", "sales", "secret")


def choose(asked, *patterns):
    scope = Scope(sources={"crm": patterns})
    return chosen(scope, "crm", NAMES, asked, what="CRM source", key="crm.sources")


def test_all_that_is_open_is_meant_where_nothing_is_named():
    assert choose((), "main", "sal*") == ("main", "sales")
    assert visible(Scope(sources={"knowledge": ("*",)}), "crm", NAMES) == ()


def test_names_come_in_the_order_of_the_catalog_each_once():
    assert choose(("sales", "main", "sales"), "*") == ("main", "sales")


def test_unknown_and_forbidden_names_answer_alike():
    said = []
    for name in ("secret", "nowhere"):
        with pytest.raises(NotFound) as caught:
            choose((name,), "main", "sales")
        said.append(caught.value.as_text().replace(name, "…"))
    assert said[0] == said[1]
    assert "You may use: main, sales." in said[0]


def test_a_near_name_is_offered_and_a_hidden_one_is_not():
    with pytest.raises(NotFound, match="Did you mean 'sales'"):
        choose(("sals",), "main", "sales")
    with pytest.raises(NotFound) as caught:
        choose(("secre",), "main")
    assert "secret" not in caught.value.as_text()


def test_who_may_use_nothing_is_told_who_can_change_that():
    with pytest.raises(NotFound) as caught:
        choose(())
    assert "roles.<role>.crm.sources" in caught.value.hint
