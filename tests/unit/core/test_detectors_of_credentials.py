"""Credentials: what is found, and what only looks like one. Put together here, so that no scanner takes it for real."""

import pytest

from faas_toolkit.core.detectors.credential import find_credentials

MIXED = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6" * 3
HEX = "0f3a9c7e51b24d68" * 4
KEY_LINES = "\n".join([MIXED[:64], MIXED[1:65], MIXED[2:40] + "=="])


def private_key(kind="", lines=KEY_LINES, block=""):
    return f"-----BEGIN {kind}PRIVATE KEY{block}-----\n{lines}\n-----END {kind}PRIVATE KEY{block}-----"


def jwt():
    return "ey" + f"JhbGciOiJIUzI1NiJ9.{MIXED[:40]}.{MIXED[:43]}"


TOKENS = [
    "AK" + "IA" + "IOSFODNN7EXAMPLE".translate(str.maketrans("0189", "2345"))[:16],
    "AS" + "IA" + "QWERTYUIOPASDF23",
    "LT" + "AI" + MIXED[:20],
    "AK" + "ID" + MIXED[:32],
    "gh" + "p_" + MIXED[:36],
    "gh" + "s_" + MIXED[:36],
    "github" + "_pat_" + MIXED[:60],
    "glp" + "at-" + MIXED[:20],
    "s" + "k-" + MIXED[:48],
    "s" + "k-proj-" + MIXED[:48],
    "s" + "k-ant-api03-" + MIXED[:80],
    "s" + "k_live_" + MIXED[:24],
    "r" + "k_test_" + MIXED[:24],
    "xo" + "xb-123456789012-" + MIXED[:24],
    "xo" + "xp-" + MIXED[:30],
    "xa" + "pp-1-A0123-" + MIXED[:30],
    "AI" + "za" + MIXED[:35],
    "ya" + "29." + MIXED[:60],
    "GOC" + "SPX-" + MIXED[:28],
    "whs" + "ec_" + MIXED[:32],
    "h" + "f_" + MIXED[:34],
    "np" + "m_" + MIXED[:36],
    "py" + "pi-AgE" + MIXED[:80],
    "S" + "G." + MIXED[:22] + "." + MIXED[:43],
    "hv" + "s." + MIXED[:30],
    "pa" + "t-eu1-" + HEX[:8] + "-1234-1234-1234-" + HEX[:12],
    "sh" + "pat_" + HEX[:32],
    "ap" + "p-" + MIXED[:24],
    "data" + "set-" + MIXED[:24],
    jwt(),
    private_key(),
    private_key("RSA "),
    private_key("OPENSSH "),
    private_key("EC ").replace("\n", "\\n"),
    private_key("RSA ").replace("\n", " "),
    private_key("PGP ", f"Version: X 1\n\n{KEY_LINES}\n=abcd", " BLOCK"),
    private_key("RSA ", f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{HEX[:32]}\n\n{KEY_LINES}"),
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf",
    "projects/acme/secrets/db-password/versions/3",
    "projects/acme/secrets/db-password",
    ".vault.azure.net/secrets/db-password/0123abcd",
    "op://Private/database/password",
    "vault:secret/prod/db#password",
    "secret/data/prod/db",
]

PARTS = [
    ("postgres://admin:hunter2@db.example.com/app", "hunter2"),
    ("https://user:p%40ss:word@example.com", "p%40ss:word"),
    ("redis://:s3cret@10.0.0.1:6379", "s3cret"),
    ("https://a:p@ss@example.com/x", "p@ss"),
    ("password: hunter2!", "hunter2!"),
    ('{"password":"correct-h0rse"}', "correct-h0rse"),
    ("PASSWORD=Tr0ub4dor&3", "Tr0ub4dor&3"),
    ("密码：Abc12345。", "Abc12345"),
    ("パスワードは Abc12345 です", "Abc12345"),
    ("senha: Abc12345", "Abc12345"),
    (f"api_key = {MIXED[:32]}", MIXED[:32]),
    (f'"apiKey": "{MIXED[:32]}"', MIXED[:32]),
    (f"client_secret={HEX[:32]}", HEX[:32]),
    (f"aws_secret_access_key = {MIXED[:40]}", MIXED[:40]),
    (f'"access_token":"{MIXED[:60]}"', MIXED[:60]),
    (f"Authorization: Bearer {MIXED[:40]}", MIXED[:40]),
    (f"authorization: Basic {MIXED[:40]}", MIXED[:40]),
    (f"AccountName=x;AccountKey={MIXED[:86]}==", MIXED[:86] + "=="),
    (f"https://x.blob.example/a?sv=1&sig={MIXED[:43]}%3D", MIXED[:43] + "%3D"),
    (f"https://b.example/o?X-Amz-Signature={HEX}", HEX),
    ("https://hooks.slack.com/services/T0000/B0000/" + MIXED[:24], "services/T0000/B0000/" + MIXED[:24]),
    (f"ａｐｉ＿ｋｅｙ＝{MIXED[:32]}", MIXED[:32]),
]

NOT = [
    "", "sk-", "sk-SK", "sk-chasing-dot-before-another", "risk-adjusted-return-of-2026",
    "task-1234567890123456789012", "ghp_short",
    "AKIA", "AKIAlowercaseisnotone", "eyJ", "eyJhbGciOiJIUzI1NiJ9", "https://example.com:8080/path@home",
    "https://example.com/a:b@c",
    "https://user@example.com", "mailto:ana@example.com", "http://[::1]:8080/", "password: required",
    "Password: minimum",
    "password: ********", "password=[secret]", "password=${DB_PASSWORD1}", "password: <your password 1>",
    "password is too short",
    "Enter your password. It has 8 characters.", "forgot password?", "the secret is out, says 2026 report", "secret: none",
    "${secret:name_of_a_long_secret_2026}", "key: value", "primary key = 12345678901234567890", "token: 42",
    "next_token is empty",
    "Bearer of good news in 2026", "Basic authentication", "Basic plan 2026", "-----BEGIN PUBLIC KEY-----\n" + KEY_LINES,
    "-----BEGIN CERTIFICATE-----\n" + KEY_LINES, "the file begins with -----BEGIN PRIVATE KEY----- and then",
    "secret santa/data/x",
    "550e8400-e29b-41d4-a716-446655440000", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "order-2026-0001234",
    "application-form-24",
    "app-store", "dataset-2026", "vault: closed", "/secrets/ of the trade", "Idempotency-Key: 7f3a9c7e51b24d68aa", "xoxo, Ana",
    "https://app.example.com/reset?id=1", "handbook:12#3", "public_key: " + MIXED[:40], "12:30 @ the office",
]  # fmt: skip


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:8] + str(len(token)))
@pytest.mark.parametrize(("before", "after"), [("", ""), ("use ", " now"), ("令牌：", "。"), ('"', '"'), ("(", ")")])
def test_a_credential_is_found_whole(token, before, after):
    found = list(find_credentials(before + token + after))
    assert any(item.start <= len(before) and item.end >= len(before) + len(token) for item in found)
    assert all(item.text == (before + token + after)[item.start : item.end] for item in found)


@pytest.mark.parametrize(("text", "part"), PARTS)
def test_of_an_address_or_a_sentence_the_secret_alone_is_found(text, part):
    assert part in [found.text for found in find_credentials(text)]


@pytest.mark.parametrize("text", NOT)
def test_what_only_looks_like_a_credential_is_left(text):
    assert list(find_credentials(text)) == []


@pytest.mark.parametrize("key", ["password", "dbPassword", "api_key", "clientSecret", "accessToken", "private_key", "密码"])
def test_a_field_that_holds_a_secret_holds_it_in_any_form(key):
    assert [found.text for found in find_credentials("opensesame", key)] == ["opensesame"]


@pytest.mark.parametrize("key", ["", "note", "next_cursor", "confirm", "public_key", "key", "token", "tokens", "password_hint"])
def test_a_field_of_another_name_says_nothing(key):
    assert list(find_credentials("opensesame", key)) == []


@pytest.mark.parametrize("text", ["***", "[secret]", "${secret:db}", "short"])
def test_what_is_hidden_already_or_too_short_is_left_in_such_a_field(text):
    assert list(find_credentials(text, "password")) == []


_LINES = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 6)


@pytest.mark.parametrize("written", [f"{_LINES}\nkQ==", _LINES, f"{_LINES}\r\nkQ=="])
def test_the_end_of_a_private_key_is_found_without_its_beginning(written):
    """A document is cut into passages, and a key is longer than one."""
    for spelled in (f"{written}\n-----END RSA PRIVATE KEY-----", f"{written}\n-----END PRIVATE KEY-----".replace("\n", "\\n")):
        found = list(find_credentials(f"\n{spelled}\nKeep it."))
        assert [each.text.strip() for each in found] == [spelled]


@pytest.mark.parametrize(
    "text", ["It ends with\n-----END PRIVATE KEY-----", "-----END PRIVATE KEY-----", f"{_LINES}\n-----END CERTIFICATE-----"]
)
def test_a_line_that_only_tells_of_a_key_is_none(text):
    assert list(find_credentials(text)) == []
