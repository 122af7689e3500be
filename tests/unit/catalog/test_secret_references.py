import secrets

import pytest

from faas_toolkit.catalog.secret_references import SHARED, available_secrets, fill_secrets

VALUE = secrets.token_urlsafe(20)


def test_a_reference_is_filled_in_anywhere_in_a_text():
    filled = fill_secrets({"a": ["x ${secret:one} ${secret:two}"], "b": 3}, {"one": "firstone", "two": "secondone"})
    assert filled.value == {"a": ["x firstone secondone"], "b": 3}
    assert filled.used == {"one": "firstone", "two": "secondone"}
    assert filled.places == {("a", 0): ("one", "two")}
    assert not filled.problems


def test_what_a_secret_holds_is_not_read_again():
    assert fill_secrets("${secret:a}", {"a": "${secret:b}", "b": "not to be seen"}).value == "${secret:b}"


def test_keys_are_left_alone():
    assert fill_secrets({"${secret:a}": 1}, {"a": "abcdef"}).value == {"${secret:a}": 1}


def test_a_missing_secret_is_named_with_the_nearest():
    (problem,) = fill_secrets({"auth": "${secret:hubspt}"}, {"hubspot": VALUE}).problems
    assert problem.path == ("auth",)
    assert problem.message == "there is no secret hubspt."
    assert "Did you mean ${secret:hubspot}?" in problem.hint
    assert SHARED in problem.hint
    assert VALUE not in problem.hint


def test_a_secret_too_short_to_be_redacted_is_refused():
    (problem,) = fill_secrets("${secret:pin}", {"pin": "12345"}).problems
    assert "shorter than 6" in problem.message
    assert "12345" not in problem.message


@pytest.mark.parametrize(
    "written",
    [
        "${secret: name}",
        "${secrets:name}",
        "${env:NAME}",
        "${SECRET:name}",
        "${secret.name}",
        "${secret:name",
        "${{secret}}",
        "$secret:name",
    ],
)
def test_a_miswritten_reference_is_no_literal(written):
    (problem,) = fill_secrets({"k": f"Bearer {written}"}, {"name": VALUE}).problems
    assert "not a reference" in problem.message
    assert "${secret:name}" in problem.hint


@pytest.mark.parametrize("text", ["a$", "costs $5", "^(a|b)$", "${name}", "$(x)"])
def test_ordinary_dollars_are_no_references(text):
    assert fill_secrets(text, {}).problems == []


def test_of_the_environment_only_what_the_operator_lists():
    environment = {
        SHARED: "ERP_URL, OTHER MISSING",
        "ERP_URL": "from the node",
        "OTHER": "too",
        "DB_PASSWORD": "the operator's own",
    }
    assert available_secrets({}, environment) == {"ERP_URL": "from the node", "OTHER": "too"}


def test_the_setting_comes_before_the_environment():
    assert available_secrets({"A": "setting"}, {SHARED: "A", "A": "environment"}) == {"A": "setting"}


def test_an_unlisted_variable_answers_like_one_that_does_not_exist():
    environment = {"DB_PASSWORD": VALUE}
    (there,) = fill_secrets("${secret:DB_PASSWORD}", available_secrets({}, environment)).problems
    (absent,) = fill_secrets("${secret:DB_PASSWORD}", available_secrets({}, {})).problems
    assert there == absent


def test_long_secrets_named_thousands_of_times_stay_bounded():
    filled = fill_secrets(["${secret:a}" * 100] * 100, {"a": "x" * 1_000_000})
    assert sum(map(len, filled.value)) < 5_000_000
    assert "4,000,000" in filled.problems[0].message
    assert len(filled.problems) == 1


def test_without_the_secrets_at_hand_every_name_is_taken():
    filled = fill_secrets("${secret:anything}", None)
    assert filled.problems == []
    assert "anything" in filled.value
