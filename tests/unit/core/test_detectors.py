"""What the detectors find, what they leave alone, and that a hostile text costs no more than an ordinary one."""

import time
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.detectors.email import find_emails
from faas_toolkit.core.detectors.phone import find_phones
from faas_toolkit.core.detectors.table import DETECTORS, holds_number
from faas_toolkit.core.redaction import find_personal_data

EMAILS = [
    ("write to zhang.wei@example.com today", ["zhang.wei@example.com"]),
    ("zhang.wei@example.com.", ["zhang.wei@example.com"]),
    ("(ana@exemplo.com.br)", ["ana@exemplo.com.br"]),
    ("<o.brien+crm@mail.example.co.uk>,", ["o.brien+crm@mail.example.co.uk"]),
    ("'quoted@example.org'", ["quoted@example.org"]),
    ("o'brien@example.ie", ["o'brien@example.ie"]),
    ("请联系zhang@example.com谢谢", ["zhang@example.com"]),
    ("联系user@公司.com请回复", ["user@公司.com"]),
    ("メールはtanaka@example.jpまで", ["tanaka@example.jp"]),
    ("邮箱：li_na@example.cn。电话见下", ["li_na@example.cn"]),
    ("用户@例子.中国", ["用户@例子.中国"]),
    ("张三@例子.公司请回复", ["张三@例子.公司"]),
    ("wang小明@example.com", ["wang小明@example.com"]),
    ("john@пример.рф", ["john@пример.рф"]),
    ("Почта: иван@пример.рф!", ["иван@пример.рф"]),
    ("josé.müller@exämple.de", ["josé.müller@exämple.de"]),
    ("mail@xn--fsq.xn--fiqs8s", ["mail@xn--fsq.xn--fiqs8s"]),
    ("a@b.co", ["a@b.co"]),
    ("x1@1st-example.io", ["x1@1st-example.io"]),
    ("first@example.com-urgent", ["first@example.com"]),
    ("mailto:sales@example.com?subject=x", ["sales@example.com"]),
    ("?to=sales@example.com&x=1", ["sales@example.com"]),
    ('{"email":"kim@example.kr"}', ["kim@example.kr"]),
    ("a@example.com,b@example.com;c@example.com", ["a@example.com", "b@example.com", "c@example.com"]),
    ("UPPER.CASE@EXAMPLE.COM", ["UPPER.CASE@EXAMPLE.COM"]),
    ("a_b-c%d@example.travel", ["a_b-c%d@example.travel"]),
    ("13812345678@qq.com", ["13812345678@qq.com"]),
    ("name@sub.domain.example.museum", ["name@sub.domain.example.museum"]),
    ("이메일:kim@example.com입니다", ["kim@example.com"]),
    ("ติดต่อuser@example.comได้", ["user@example.com"]),
    ("zhang.wei＠example.com", ["zhang.wei＠example.com"]),
    ("ｚｈａｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ", ["ｚｈａｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ"]),
    ("邮箱：张三＠例子．中国。", ["张三＠例子．中国"]),
    ("ana﹫example.com", ["ana﹫example.com"]),
    ("?to=ana%40example.com&x=1", ["ana%40example.com"]),
    ("https://x.example/?next=%2Fa%3Fto%3Dana%2540example.com", ["2Fa%3Fto%3Dana%2540example.com"]),
    ("ana%2Bcrm%40example.com%20", ["ana%2Bcrm%40example.com"]),
    ("ana&#64;example.com or bob&#x40;example.com", ["ana&#64;example.com", "bob&#x40;example.com"]),
    (r'{"to": "ana\u0040example.com"}', [r"ana\u0040example.com"]),
]

NOT_EMAILS = [
    "", "@", "@@", "a@", "@b.com", "user@localhost", "a@b", "a@b.c", "foo@1.2.3", "npm install @scope/package", "@mention hello",
    "lodash@4.17.21", "price @ 3.50", "root@10.0.0.1", "a@example.c0m", "a @ example.com", "@@example.com",
    "ssh host@", "x@.com", "x@-.com", "person:42", "decorator @app.route", "a@b..com", "=@=.com", "meet @ 10.30 am", "@例子.中国",
    "C@T", "user＠example", "%40", "100%40", "%40example.com", "5%4012.50", "a%40b", "a&#64;b", "价格＠３．５０",
    "vim@9.1", "image@sha256:0f3a",
]  # fmt: skip

PHONES = [
    ("+8613812345678", ["+8613812345678"]),
    ("+86 138 1234 5678", ["+86 138 1234 5678"]),
    ("(+86)13812345678", ["(+86)13812345678"]),
    ("+1 415 555 0132", ["+1 415 555 0132"]),
    ("+1 (415) 555-0132", ["+1 (415) 555-0132"]),
    ("+14155550132.", ["+14155550132"]),
    ("+44 20 7946 0958", ["+44 20 7946 0958"]),
    ("?tel=%2B8613812345678&", ["8613812345678"]),
    ('{"homePhone":4155550132}', ["4155550132"]),
    ('{"phones":[4155550132]}', ["4155550132"]),
    ("+44 (0)20 7946 0958", ["+44 (0)20 7946 0958"]),
    ("+55 11 98765-4321", ["+55 11 98765-4321"]),
    ("+55 (11) 98765-4321", ["+55 (11) 98765-4321"]),
    ("+81 3-1234-5678", ["+81 3-1234-5678"]),
    ("+81-90-1234-5678", ["+81-90-1234-5678"]),
    ("+49 171 1234567", ["+49 171 1234567"]),
    ("+33 1 23 45 67 89", ["+33 1 23 45 67 89"]),
    ("+852 2345 6789", ["+852 2345 6789"]),
    ("+65 6123 4567", ["+65 6123 4567"]),
    ("+91 98765 43210", ["+91 98765 43210"]),
    ("tel:+14155550132", ["+14155550132"]),
    ("whatsapp:+5511987654321", ["+5511987654321"]),
    ("13812345678", ["13812345678"]),
    ("138-1234-5678", ["138-1234-5678"]),
    ("138 1234 5678", ["138 1234 5678"]),
    ("86-138-1234-5678", ["86-138-1234-5678"]),
    ("008613812345678", ["008613812345678"]),
    ("请拨打13812345678联系我", ["13812345678"]),
    ("电话:13812345678", ["13812345678"]),
    ("手机：19912345678，谢谢", ["19912345678"]),
    ("010-12345678", ["010-12345678"]),
    ("0755-1234567-801", ["0755-1234567-801"]),
    ("021-12345678/13812345678", ["021-12345678", "13812345678"]),
    ("(010)12345678", ["(010)12345678"]),
    ("400-123-4567", ["400-123-4567"]),
    ("03-1234-5678", ["03-1234-5678"]),
    ("(03)1234-5678", ["(03)1234-5678"]),
    ("03(1234)5678", ["03(1234)5678"]),
    ("090-1234-5678", ["090-1234-5678"]),
    ("09012345678", ["09012345678"]),
    ("電話は０９０－１２３４－５６７８です", ["０９０－１２３４－５６７８"]),
    ("0120-123-456", ["0120-123-456"]),
    ("045-123-4567", ["045-123-4567"]),
    ("0466-12-3456", ["0466-12-3456"]),
    ("010-1234-5678", ["010-1234-5678"]),
    ("(11) 98765-4321", ["(11) 98765-4321"]),
    ("(21) 3456-7890", ["(21) 3456-7890"]),
    ("(011) 98765-4321", ["(011) 98765-4321"]),
    ("11 98765-4321", ["11 98765-4321"]),
    ("(11)987654321", ["(11)987654321"]),
    ("(415) 555-0132", ["(415) 555-0132"]),
    ("(415)555-0132", ["(415)555-0132"]),
    ("415-555-0132", ["415-555-0132"]),
    ("415.555.0132", ["415.555.0132"]),
    ("415 555 0132", ["415 555 0132"]),
    ("1-800-555-0199", ["1-800-555-0199"]),
    ("2 x 415-555-0132", ["415-555-0132"]),
    ("020 7946 0958", ["020 7946 0958"]),
    ("(020) 7946 0958", ["(020) 7946 0958"]),
    ("0161 496 0123", ["0161 496 0123"]),
    ("07700 900123", ["07700 900123"]),
    ("07700900123", ["07700900123"]),
    ("01632 960001", ["01632 960001"]),
    ("0412 345 678", ["0412 345 678"]),
    ("Tel. 0312345678", ["0312345678"]),
    ("Telefone: 34567890", ["34567890"]),
    ("Phone number: 4155550132", ["4155550132"]),
    ('{"phone":"4155550132"}', ["4155550132"]),
    ("fax 2345 6789", ["2345 6789"]),
    ("13812345678,13912345678", ["13812345678", "13912345678"]),
    ("13812345678 13912345678", ["13812345678", "13912345678"]),
    ("call me on 415‑555‑0132!", ["415‑555‑0132"]),
]

PHONES += [
    (text, [text])
    for text in (
        "044 123 45 67", "079 123 45 67", "0470 12 34 56", "02 123 45 67", "0532 123 45 67", "070-123 45 67", "067 123 45 67",
        "06 12 34 56 78", "06.12.34.56.78", "01 42 68 53 00", "01.42.68.53.00", "0612345678", "06-12345678", "020-1234567",
        "030 12345678", "030/12345678", "089/1234567", "0171/1234567", "333 1234567", "347 123 4567", "612 34 56 78",
        "91 123 45 67", "06 20 123 4567", "8 (495) 123-45-67", "8-916-123-45-67", "8 916 123-45-67", "0501234567",
        "98765 43210", "98765-43210", "098765 43210", "09876543210", "080-12345678", "022 2345 6789",
        "0812345678", "081-234-5678", "02-123-4567", "012-345 6789", "03-1234 5678", "0812-3456-7890", "081234567890",
        "0917 123 4567", "09171234567", "091 234 56 78", "02-2345-6789", "0912-345-678", "0912345678",
        "55 1234 5678", "81 1234 5678", "011 4123-4567", "011 15-1234-5678", "310 123 4567", "300-123-4567",
        "0412345678", "1300 123 456", "1800 123 456", "09 123 4567", "021 123 4567", "082 123 4567",
        "+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧", "٠٥٠١٢٣٤٥٦٧", "०९८७६५४३२१०", "+৮৮০ ১৭১২ ৩৪৫৬৭৮",
    )
]  # fmt: skip
"""As they are written in Europe, India, South-East Asia, Latin America, Australia, and in the digits of other scripts."""
PHONES += [
    ("тел. 495 123-45-67", ["495 123-45-67"]),
    ("Handy: 1711234567", ["1711234567"]),
    ("móvil 612345678", ["612345678"]),
    ("전화: 1234-5678", ["1234-5678"]),
    ("โทร 81234567", ["81234567"]),
    ("order 77: call 0613448680", ["0613448680"]),
    ("the order of Ana, phone 0613448680", ["0613448680"]),
    ("order no. 06 13 44 86 80", ["06 13 44 86 80"]),
    ("border 0613448680", ["0613448680"]),
]

NOT_PHONES = [
    "01 02 03 04 05 06", "612 345 678", "1 612 345 678", "10.12.2026 - 12.12.2026", "ISBN 0812345678", "ISBN:0412345678",
    "12345-67890", "54321 12345", "1987654321", "0123456789", "2026/11/24 10:30", "01.02.2026", "01.02.03.04", "33 1234",
    "55 123 4567", "1300-1400", "1300 2600 3900", "0.0612345678", "8 916 123 45", "1500 123 456", "333 123",
    "R$ 612 34 56 78", "ORD-0612345678", "0612345678.25", "06-1234567890123",
    "", "2026-11-24", "24/11/2026", "24.11.2026", "11/24/2026", "2026年11月24日", "20261124", "2026-11-24 10:30",
    "2026-11-24T10:30:00Z", "2026-11-24T10:30:00.123456+08:00", "2026-11-24T10:30:00+0800", "20261124T103000Z", "10:30-11:45",
    "0900-1800", "2020-2026", "1790000000", "1790000000000", "01 02 2026", "1,234,567.89", "¥12,345,678", "R$ 1.234.567,89",
    "USD 12 345 678", "1 234 567,89", "12345678.90", "1234567890123", "$13812345678", "¥ 13812345678", "13812345678.50",
    "13812345678,50", "3.13812345678", "person:42", "person:13812345678", "deal-2026-000123", "INV-2026-0001234",
    "ORD-13812345678", "ORD-12345678", "#12345678", "#13812345678", "order_13812345678", "id=13812345678", "/orders/13812345678",
    "202611240001234",
    "order no. 0613448680", "Order #: 0613448680", "order 0613448680", "Bestellnummer 0570824145", "Rechnung Nr. 0612345678",
    "订单号：088582042155", "注文番号 0407997436", "EAN 0866089673790", "pedido nº 0613448680", "tracking number 0613448680",
    "192.168.100.200", "10.0.0.1:8080", "255.255.255.255", "1.2.3.4", "v10.15.7.1234", "2026.11.24.1", "415.555.0132.7", "2.15.1",
    "550e8400-e29b-41d4-a716-446655440000", "12345678-1234-1234-1234-123456789012", "41381234-5678-4155-5501-320912345678",
    "4111 1111 1111 1111", "4111-1111-1111-1111", "6222021234567890123", "6222 0212 3456 7890 123", "110101199003074514",
    "978-3-16-148410-0", "0-306-40615-2", "123-45-6789", "123.456.789-09", "12.345.678/0001-95", "01310-100", "94105-1234",
    "100-0001",
    "35.6812, 139.7671", "100 200 300 400", "12 34 56 78 90", "01 02 03 04 05", "1000-2000", "10000-20000", "+08:00", "+15 %",
    "+1 000 000 000", "0x13812345678", "13812345678abc", "a13812345678", "1e+13812345", "hotel 12345678", "iphone 12345678",
    "phone 192.168.100.200", "fax 2024-01-15", "0001-2345-6789", "3 020 7946 0958 12", "2 415 555 0132 9", "138-1234-56789",
    "1381234567",
    "12812345678", "ISO 9001:2015", "00:1B:44:11:3A:B7", "1/2/3/4/5/6/7/8", "415-555-0132-99", "12345 67890", "2345 6789",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), EMAILS)
def test_an_email_address_is_found(text, expected):
    assert [found.text for found in find_emails(text)] == expected


@pytest.mark.parametrize("text", NOT_EMAILS)
def test_what_only_looks_like_an_email_address_is_left(text):
    assert list(find_emails(text)) == []


@pytest.mark.parametrize(("text", "expected"), PHONES)
def test_a_phone_number_is_found(text, expected):
    assert [found.text for found in find_phones(text)] == expected


@pytest.mark.parametrize("text", NOT_PHONES)
def test_dates_amounts_ids_and_addresses_are_no_phone_numbers(text):
    assert list(find_phones(text)) == []


def test_the_tables_are_large_enough_to_mean_something():
    assert len(EMAILS) + len(PHONES) >= 90
    assert len(NOT_EMAILS) + len(NOT_PHONES) >= 120


@pytest.mark.parametrize("key", ["phone", "mobilePhone", "work_phone", "电话", "Telefone"])
def test_a_field_that_holds_a_phone_number_holds_it_in_any_form(key):
    assert [found.text for found in find_phones("4155550132", key)] == ["4155550132"]


@pytest.mark.parametrize(
    "key",
    ["phone", "Phone", "phones", "mobile", "mobilePhone", "HomePhone", "work_phone", "phone_number", "phoneNumber", "tel",
     "tel_no", "fax", "phone1", "phone_2", "phone-home", "cell", "whatsapp", "telefone",
     "电话", "手机号码", "携帯番号",
     "mobilephone", "customer.phone"],
)  # fmt: skip
def test_a_number_is_a_phone_number_where_its_field_says_so(key):
    assert holds_number("phone", key)


@pytest.mark.parametrize(
    "key",
    ["", "id", "phone_id", "phoneId", "phone_count", "phones_total", "phone_verified_at", "cancelled_at", "excellent", "hotel",
     "hotel_id", "telemetry", "mobile_users", "mobile_revenue", "automobile", "telco_price", "amount", "created_at",
     "order_number", "number", "cellar", "intel", "fax_cost", "phone_call_seconds", "手机销量", "电话次数"],
)  # fmt: skip
def test_ids_amounts_and_times_are_no_phone_numbers_whatever_else_their_field_says(key):
    assert not holds_number("phone", key)


def test_a_field_of_another_name_says_nothing():
    assert list(find_phones("4155550132", "order_number")) == []


def test_a_sentence_in_a_phone_field_is_read_as_a_sentence():
    assert [found.text for found in find_phones("call 415-555-0132 after order 4155550133", "phone_note")] == ["415-555-0132"]


@given(st.text(), st.text())
def test_a_finding_is_the_text_at_its_place_and_findings_never_overlap(before, after):
    text = f"{before} ana@example.com 138-1234-5678 {after}"
    for find in (find for name, find in DETECTORS.items() if name != "secret"):  # its kinds are told apart later
        last = 0
        for found in find(text, ""):
            assert found.text == text[found.start : found.end]
            assert found.start >= last
            last = found.end


@given(st.text(alphabet="a1@.+-() \ud800０電", max_size=300))
def test_no_text_breaks_a_detector(text):
    for find in DETECTORS.values():
        list(find(text, ""))


@given(st.text(alphabet="a1@.:/-=+ \u200b\u200d\ufe0f\U000e0041٣３密码Key", max_size=120))
def test_findings_of_all_detectors_never_overlap_and_are_the_text_at_their_place(text):
    whole = f"{text}ana@example.com{text} 4111 1111 1111 1111 {text}"
    last = 0
    for found in find_personal_data(whole, DETECTORS):
        assert found.text == whole[found.start : found.end]
        assert found.start >= last
        last = found.end


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\u2060", "\ufeff", "\U000e0041", "\u200d\u200b"])
@pytest.mark.parametrize("value", ["ana@example.com", "138-1234-5678", "4111111111111111", "DE89370400440532013000"])
def test_characters_that_nobody_sees_hide_nothing(value, hidden):
    spread = hidden.join(value)
    (found,) = find_personal_data(f"字 {hidden}{spread}{hidden}, x", DETECTORS)
    assert found.text == spread


HOSTILE = {
    "ats": "@", "local": "a", "local and at": "a@", "dotted domain": "a@a.", "labels": "a.",
    "dashes": "a-@", "long label": "@" + "a" * 62 + ".",
    "digits": "1", "spaced digits": "1 ", "dashed digits": "1-", "plus": "+1", "plus digits": "+123456789012345a", "parens": "(1",
    "mobiles": "1381234567 ", "trunk": "020 7946 ", "label": "tel ", "label digits": "tel 1", "wide": "０－",
    "cjk at": "电@", "nanp": "415-555-", "encoded at": "%40", "encoded ats": "a%40", "entities": "&#64;", "escapes": "\\u0040a",
    "wide at": "＠", "encoded plus": "%2B1", "tokens": " eyJ", "joined tokens": "-eyJ-", "dotted token": "eyJaaaaaaaaa.",
    "keys": "sk-", "key parts": " sk-a-", "addresses": "://", "users": "://a:", "at addresses": "://a:b@",
    "private keys": "-----BEGIN PRIVATE KEY-----", "key lines": "-----BEGIN PRIVATE KEY-----\n" + "A" * 70 + "\n",
    "passwords": "password: ", "labelled": "key=", "long secret": "secret=a1", "accounts": "DE89 ", "account": "DE89",
    "cards": "4111 ", "amex": "3782 822463 ", "cn": "11010519491231", "ssn": "123-45-", "ssn words": "SSN ",
    "my number": "マイナンバー1", "vaults": "vault:a/", "ops": "op://a/", "hidden": "1\u200b",
}  # fmt: skip


def _seconds(text):
    best = 10.0
    for _ in range(3):
        started = time.thread_time()
        for _found in zip(find_personal_data(text, DETECTORS), count(), strict=False):
            pass
        best = min(best, time.thread_time() - started)
    return best


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_grows_with_the_text_and_not_faster(piece):
    small, large = (piece * (size // len(piece)) for size in (20_000, 160_000))
    assert _seconds(large) < 8 * 4 * _seconds(small) + 0.01
