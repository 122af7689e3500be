"""Who is this, and may they? Roles add up, tokens are never ignored, and a refusal says what is missing."""

import jwt
import pytest

from faas_toolkit.core.call import ApiClient, RecordRights, Scope
from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.errors import Forbidden, Unauthenticated
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Shape
from faas_toolkit.pipeline.access import Access, Role
from faas_toolkit.pipeline.identity_key import key_of_secret
from faas_toolkit.pipeline.identity_token import FixedKeys, TokenVerifier
from tests.fakes.calls import End, make_call
from tests.fakes.clock import FakeClock

NOW = 1_790_000_000
KEY = b"k" * 40
ROLES = {
    "member": Role(
        allow=("crm.read",),
        sources={"crm": ("main",), "functions": ("report_*",)},
        hidden=frozenset({"person.phone", "person.email"}),
        masks={"email": "partial", "phone": "drop"},
    ),
    "seller": Role(
        allow=("crm.*",), sources={"crm": ("main", "sales")}, hidden=frozenset({"person.phone"}), masks={"email": "keep"}
    ),
    "caller": Role(allow=("function.call",), sources={"functions": ("score_customer",)}, masks={"phone": "keep"}),
    "admin": Role(allow=("*",), sources={"crm": ("*",), "functions": ("*",), "knowledge": ("*",)}),
    "nothing": Role(),
}
ROWS = {
    "own": Role(allow=("crm.read",), sources={"crm": ("main",)}, rows={"deal": {"owner": ("$subject",)}}),
    "team": Role(
        allow=("crm.read",),
        sources={"crm": ("main", "sales")},
        rows={"deal": {"owner": ("$groups", "pool")}, "ticket": {"open": (True,)}},
    ),
    "tenant": Role(allow=("crm.read",), sources={"crm": ("*",)}, rows={"company": {"name": ("$tenant",)}}),
    "partner": Role(allow=("crm.read",), sources={"crm": ("partner",)}),
    "lending": Role(sources={"crm": ("*",)}),
    "granting": Role(allow=("crm.read",)),
    "hiding": Role(sources={"crm": ("main",)}, hidden=frozenset({"person.phone"}), rows={"deal": {"owner": ("ana",)}}),
}
OPEN = Operation(name="workspace.diagnose", tool="diagnose", grant=None, shape=Shape())
UPDATE = Operation(name="crm.update", tool="crm_update", grant="crm.write", shape=Shape())


def access(default_role="member", keys=(KEY,)):
    clock = FakeClock(epoch=NOW)
    verifier = TokenVerifier(keys=FixedKeys(list(map(key_of_secret, keys))), clock=clock) if keys else None
    return Access(roles=ROLES, default_role=default_role, verifier=verifier)


def token(*, key=KEY, **claims):
    return jwt.encode({"sub": "alice", "exp": NOW + 600} | claims, key, algorithm="HS256")


def passed(policy, **changes):
    end = End()
    policy(make_call(**changes), end)
    return end.calls[0]


def rows_of(*names, source="main", **claims):
    """What records of a source a caller of these roles sees."""
    verifier = TokenVerifier(keys=FixedKeys([key_of_secret(KEY)]), clock=FakeClock(epoch=NOW))
    policy = Access(roles=ROWS, default_role=names[0], verifier=verifier)
    given = {"origin_identity_token": token(roles=list(names), **claims)} if claims.pop("signed", True) else {}
    return passed(policy, operation=OPEN, **given).scope.rows_of(source)


def with_roles(*names, operation=OPEN):
    return passed(access(), operation=operation, origin_identity_token=token(roles=list(names)))


def test_without_a_token_the_caller_has_the_default_role_and_is_not_verified():
    call = passed(access())
    assert call.caller.subject == "dify:u1"
    assert call.caller.roles == ("member",)
    assert not call.caller.verified
    assert call.scope.grants == {"crm.read"}
    assert call.scope.owner is None


@pytest.mark.parametrize("blank", [None, "", "   "])
def test_an_empty_token_is_no_token(blank):
    assert passed(access(), origin_identity_token=blank).caller.subject == "dify:u1"


@pytest.mark.parametrize(
    "origin", [{"origin_app_id": None}, {"origin_user_id": ""}, {"origin_app_id": None, "origin_user_id": ""}]
)
def test_where_the_user_id_says_nothing_the_subject_is_the_workspace(origin):
    assert passed(access(), **origin).caller.subject == "workspace"


def test_a_hostile_user_id_becomes_printable_and_short():
    subject = passed(access(), origin_user_id="a\0\ud800\n" + "b" * 1_000).caller.subject
    assert subject.isprintable()
    assert len(subject) < 220


def test_a_verified_token_sets_subject_roles_groups_and_tenant():
    call = passed(access(), origin_identity_token=token(roles="seller", groups=["eu"], tenant="acme"))
    assert (call.caller.subject, call.caller.verified, call.caller.tenant) == ("alice", True, "acme")
    assert call.caller.roles == ("seller",)
    assert call.caller.groups == call.scope.groups == {"eu"}
    assert call.scope.owner == "alice"
    assert call.record.caller == call.caller


def test_a_token_that_names_no_roles_has_the_default_role():
    assert passed(access(), origin_identity_token=token()).caller.roles == ("member",)


def test_unknown_roles_grant_nothing_and_are_noted():
    call = with_roles("boss", "caller")
    assert call.caller.roles == ("caller",)
    assert "not in the catalog: boss" in str(call.record.decisions[0])


def test_a_token_of_only_unknown_roles_does_not_fall_back_to_the_default_role():
    assert with_roles("boss").scope == Scope(owner="alice")


@pytest.mark.parametrize("bad", ["garbage", "a.b.c"])
def test_a_token_that_does_not_hold_is_refused_and_never_ignored(bad):
    end = End()
    with pytest.raises(Unauthenticated):
        access()(make_call(origin_identity_token=bad, operation=OPEN), end)
    assert end.calls == []


def test_an_expired_token_of_a_former_admin_is_refused():
    with pytest.raises(Unauthenticated, match="expired"):
        access()(make_call(origin_identity_token=token(roles="admin", exp=NOW - 60)), End())


def test_a_token_without_keys_to_check_it_is_refused_by_name_of_the_setting():
    with pytest.raises(Unauthenticated) as caught:
        access(keys=())(make_call(origin_identity_token=token()), End())
    assert "identity_keys" in caught.value.hint


def test_a_missing_grant_is_named_with_who_can_give_it():
    end = End()
    call = make_call(operation=UPDATE)
    with pytest.raises(Forbidden) as caught:
        access()(call, end)
    assert end.calls == []
    assert caught.value.message == "crm_update needs the grant crm.write, which your role does not give: member."
    assert "`roles.member.allow`" in caught.value.hint
    assert "identity_token" in caught.value.hint
    assert call.record.caller.subject == "dify:u1"
    assert call.record.decisions[0].outcome == "forbidden"


def test_a_verified_caller_is_not_told_to_send_a_token():
    with pytest.raises(Forbidden) as caught:
        access()(make_call(operation=UPDATE, origin_identity_token=token(roles="caller")), End())
    assert "identity_token" not in caught.value.as_text()


def test_a_default_role_that_does_not_exist_grants_nothing_and_says_so():
    with pytest.raises(Forbidden, match="the catalog has no role ghost"):
        access("ghost")(make_call(), End())
    assert passed(access("ghost"), operation=OPEN).scope == Scope()


@pytest.mark.parametrize(
    ("role", "allowed"), [("seller", True), ("admin", True), ("member", False), ("nothing", False), ("caller", False)]
)
def test_grants_may_be_globs(role, allowed):
    if allowed:
        assert with_roles(role, operation=UPDATE).caller.roles == (role,)
    else:
        with pytest.raises(Forbidden):
            with_roles(role, operation=UPDATE)


def test_what_needs_no_grant_is_answered_to_everyone():
    assert with_roles("nothing").scope.grants == frozenset()


def test_several_roles_see_what_any_of_them_sees():
    scope = with_roles("member", "seller", "caller").scope
    assert scope.grants == {"crm.read", "crm.*", "function.call"}
    assert scope.sources == {"crm": ("main", "sales"), "functions": ("report_*", "score_customer")}


def test_a_field_is_hidden_only_if_every_role_that_opens_the_crm_hides_it():
    assert with_roles("member").scope.hidden == {"person.phone", "person.email"}
    assert with_roles("member", "seller").scope.hidden == {"person.phone"}
    assert with_roles("member", "admin").scope.hidden == frozenset()


def test_a_role_that_does_not_open_the_crm_has_no_say_in_its_fields():
    assert with_roles("member", "caller", "nothing").scope.hidden == {"person.phone", "person.email"}


def test_a_role_sees_the_records_that_hold_what_the_token_says():
    assert rows_of("own") == {"deal": ({"owner": ("alice",)},)}
    assert rows_of("own", sub="bo") == {"deal": ({"owner": ("bo",)},)}
    assert rows_of("team", groups=["b", "a"])["deal"] == ({"owner": ("a", "b", "pool")},)
    assert rows_of("tenant", tenant="Acme") == {"company": ({"name": ("Acme",)},)}


def test_where_a_token_says_nothing_or_there_is_none_no_record_fits():
    assert rows_of("own", signed=False) == {"deal": ({"owner": ()},)}
    assert rows_of("tenant") == {"company": ({"name": ()},)}
    assert rows_of("team", signed=False)["deal"] == ({"owner": ("pool",)},)


def test_a_claim_that_is_written_like_a_word_of_the_catalog_means_itself():
    assert rows_of("tenant", sub="admin", tenant="$subject") == {"company": ({"name": ("$subject",)},)}


def test_several_roles_see_what_any_of_them_sees_source_by_source():
    assert rows_of("own", "team", groups=["a"]) == {"deal": ({"owner": ("alice",)}, {"owner": ("a", "pool")})}
    assert rows_of("own", "team", source="sales", groups=["a"])["ticket"] == ({"open": (True,)},)


def test_a_role_that_opens_another_source_whole_opens_nothing_in_this_one():
    assert rows_of("own", "partner") == {"deal": ({"owner": ("alice",)},)}
    assert rows_of("own", "partner", source="partner") == {}


def test_a_field_that_is_hidden_in_one_source_is_not_shown_by_a_role_for_another():
    hiding = Role(allow=("crm.read",), sources={"crm": ("main",)}, hidden=frozenset({"person.phone"}))
    roles = {"hiding": hiding, "partner": ROWS["partner"], "boss": ROLES["admin"]}
    verifier = TokenVerifier(keys=FixedKeys([key_of_secret(KEY)]), clock=FakeClock(epoch=NOW))
    policy = Access(roles=roles, default_role="hiding", verifier=verifier)

    def hidden(*names):
        scope = passed(policy, origin_identity_token=token(roles=list(names))).scope
        return [set(scope.hidden_in(source)) for source in ("main", "partner")]

    assert hidden("hiding", "partner") == [{"person.phone"}, set()]
    assert hidden("hiding", "boss") == [set(), set()]
    assert hidden("hiding")[0] == {"person.phone"}


def test_a_role_that_may_not_use_the_crm_opens_no_record():
    assert rows_of("own", "lending") == {"deal": ({"owner": ("alice",)},)}
    assert rows_of("granting", "own") == {"deal": ({"owner": ("alice",)},)}


def test_a_grant_and_a_source_from_two_roles_hide_what_the_one_with_the_source_hides():
    policy = Access(
        roles=ROWS, default_role="x", verifier=TokenVerifier(keys=FixedKeys([key_of_secret(KEY)]), clock=FakeClock(epoch=NOW))
    )
    scope = passed(policy, origin_identity_token=token(roles=["granting", "hiding"])).scope
    assert scope.hidden == {"person.phone"}
    assert scope.rows_of("main") == {"deal": ({"owner": ("ana",)},)}


def test_answers_are_kept_apart_by_the_records_that_a_caller_sees():
    policy = Access(roles=ROWS, default_role="own", verifier=None)
    keys = []
    for role in ("own", "team", "tenant", "partner"):
        client = ApiClient(name="agent", role=role)
        keys.append(canonical_json(passed(policy, origin_client=client).scope.fingerprint()))
    assert len(set(keys)) == 4
    one, other = (
        Scope(records=(RecordRights(sources=("*",), only={"deal": {"owner": values}}),)) for values in (("a", "b"), ("a,b",))
    )
    assert canonical_json(one.fingerprint()) != canonical_json(other.fingerprint())


def test_the_weakest_mask_holds_and_a_role_that_says_nothing_masks_in_part():
    assert with_roles("member").caller.masks == {"email": "partial", "phone": "drop"}
    assert with_roles("member", "seller").caller.masks == {"email": "keep", "phone": "partial"}
    assert with_roles("member", "caller").caller.masks == {"email": "partial", "phone": "keep"}


def test_one_more_role_never_takes_anything_away():
    weakest = ("keep", "partial", "token", "drop").index
    for first, role in ROLES.items():
        for second in ROLES:
            alone, both = with_roles(first), with_roles(first, second)
            assert alone.scope.grants <= both.scope.grants
            for family, names in alone.scope.sources.items():
                assert set(names) <= set(both.scope.sources[family])
            if role.sources.get("crm"):
                assert both.scope.hidden <= alone.scope.hidden
            for detector, mode in alone.caller.masks.items():
                assert weakest(both.caller.masks[detector]) <= weakest(mode)


def test_the_order_of_roles_changes_no_right():
    one, other = with_roles("member", "seller"), with_roles("seller", "member")
    assert one.scope.fingerprint() == other.scope.fingerprint()
    assert one.caller.masks == other.caller.masks


def test_ever_new_combinations_of_roles_do_not_fill_the_memory():
    roles = {f"r{n}": Role(allow=("crm.read",)) for n in range(60)}
    policy = Access(roles=roles, default_role="r0", verifier=None)
    for first in roles:
        for second in roles:
            policy._rights((first, second))
    assert len(policy._made) <= 1_001


def test_a_client_has_its_role_and_is_verified_and_sends_no_person():
    call = passed(access(), operation=OPEN, origin_client=ApiClient(name="agent", role="seller"), origin_app_id=None)
    assert call.caller.subject == "client:agent"
    assert call.caller.verified
    assert call.caller.roles == ("seller",)
    assert call.scope.grants == {"crm.*"}
    assert call.scope.owner is None


def test_a_client_of_a_role_that_is_gone_may_do_nothing_and_is_not_given_the_default_role():
    with pytest.raises(Forbidden, match="no role"):
        passed(access(), origin_client=ApiClient(name="agent", role="gone"))


def test_a_person_s_token_decides_before_the_client_and_without_roles_has_the_client_s():
    client = ApiClient(name="agent", role="admin")
    call = passed(access(), origin_client=client, origin_identity_token=token(roles=["seller"]))
    assert (call.caller.subject, call.caller.roles) == ("alice", ("seller",))
    assert passed(access(), origin_client=client, origin_identity_token=token()).caller.roles == ("admin",)


def test_no_token_can_call_itself_a_client():
    with pytest.raises(Unauthenticated, match="reserved"):
        passed(access(), origin_identity_token=token(sub="client:agent"))


def test_no_argument_of_a_tool_names_a_client():
    assert passed(access(), arguments={"query": "x", "client": "agent", "role": "admin"}).caller.roles == ("member",)
