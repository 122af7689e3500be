"""Generated secrets and personal values, as they stand in sentences: what must come out nowhere in clear.

All from one seed, so that a failure comes again. Nothing in here is anybody's.
"""

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_WORDS = (
    "order",
    "invoice",
    "meeting",
    "blue",
    "harbour",
    "customer",
    "quote",
    "delivery",
    "garden",
    "station",
    "窗户",
    "会议",
    "注文",
)
_NAMES = ("ana", "zhang.wei", "o.brien", "josé", "tanaka_k", "m.silva", "иван", "li-na", "kim", "用户")
_ALNUM = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Planted:
    """One value and the sentence it stands in."""

    detector: str
    value: str
    """What must not come out."""
    text: str


def planted(number: int, seed: int = 1) -> Iterator[Planted]:
    """So many values, of every detector in turn; no two are equal."""
    rng = random.Random(seed)
    seen: set[str] = set()
    kinds = list(_KINDS.items())
    while len(seen) < number:
        detector, makers = kinds[len(seen) % len(kinds)]
        value, around = rng.choice(makers)(rng)
        if value in seen:
            continue
        seen.add(value)
        before, after = (" ".join(rng.choices(_WORDS, k=rng.randint(0, 4))) for _ in range(2))
        yield Planted(
            detector,
            value,
            f"{before}{rng.choice((' ', '：', '\n', ' ('))}{around.format(value)}{rng.choice((' ', '。', ', ', ') '))}{after}",
        )


type Maker = Callable[[random.Random], tuple[str, str]]


def _digits(rng: random.Random, number: int) -> str:
    return "".join(rng.choices(string.digits, k=number))


def _token(rng: random.Random, number: int, alphabet: str = _ALNUM) -> str:
    return "7a" + "".join(rng.choices(alphabet, k=number - 2))


def _email(rng: random.Random) -> tuple[str, str]:
    sign = rng.choice(("@", "@", "@", "＠", "%40", "&#64;"))
    domain = rng.choice(("example.com", "mail.example.co.uk", "пример.рф", "example.jp"))
    return f"{rng.choice(_NAMES)}{rng.randint(1, 99_999)}{sign}{domain}", "{}"


def _phone_abroad(rng: random.Random) -> tuple[str, str]:
    code, size = rng.choice(
        (("86", 11), ("44", 10), ("49", 10), ("55", 11), ("91", 10), ("61", 9), ("33", 9), ("65", 8), ("52", 10))
    )
    rest = f"{rng.randint(2, 9)}{_digits(rng, size - 1)}"
    return rng.choice((f"+{code}{rest}", f"+{code} {rest[:2]} {rest[2:5]} {rest[5:]}", f"+{code}-{rest[:3]}-{rest[3:]}")), "{}"


def _phone_at_home(rng: random.Random) -> tuple[str, str]:
    four, more = _digits(rng, 4), _digits(rng, 4)
    return rng.choice((
        f"13{rng.randint(0, 9)}{four}{more}", f"13{rng.randint(0, 9)}-{four}-{more}", f"0{rng.randint(7, 9)}0-{four}-{more}",
        f"06 {four[:2]} {four[2:]} {more[:2]} {more[2:]}", f"(11) 9{four}-{more}", f"04{four[:2]} {four[1:]} {more[:3]}",
        f"030 {four}{more}", f"415-5{four[:2]}-{more}", f"07700 9{four}{more[:1]}",
    )), "{}"  # fmt: skip


def _phone_labelled(rng: random.Random) -> tuple[str, str]:
    return f"{rng.randint(2, 9)}{_digits(rng, 8)}", rng.choice(("Tel. {}", "phone: {}", "电话：{}", '"whatsapp": "{}"'))


def _card(rng: random.Random) -> tuple[str, str]:
    body = rng.choice(("4", "51", "55", "62", "6011", "3530"))
    body += _digits(rng, 15 - len(body))
    total = sum(int(d) if place % 2 else sum(divmod(2 * int(d), 10)) for place, d in enumerate(body))
    number = f"{body}{-total % 10}"
    return rng.choice(
        (number, " ".join(number[at : at + 4] for at in range(0, 16, 4)), "-".join(number[at : at + 4] for at in range(0, 16, 4)))
    ), "{}"


def _iban(rng: random.Random) -> tuple[str, str]:
    country, size = rng.choice((("DE", 18), ("FR", 23), ("ES", 20), ("PL", 24), ("NO", 11)))
    account = _digits(rng, size)
    check = 98 - int("".join(str(int(c, 36)) for c in f"{account}{country}00")) % 97
    number = f"{country}{check:02}{account}"
    return rng.choice((number, " ".join(number[at : at + 4] for at in range(0, len(number), 4)))), "{}"


def _cn_id(rng: random.Random) -> tuple[str, str]:
    born = f"{rng.randint(1940, 2010)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    body = f"{rng.choice(('110105', '440524', '310104'))}{born}{_digits(rng, 3)}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = "10X98765432"[sum(w * int(d) for w, d in zip(weights, body, strict=True)) % 11]
    return body + check, rng.choice(("{}", "身份证{}", "id={}"))


def _ssn(rng: random.Random) -> tuple[str, str]:
    area = rng.choice([n for n in range(1, 900) if n != 666])
    number = f"{area:03}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"
    return rng.choice(((number, "{}"), (number.replace("-", ""), "SSN {}")))


def _my_number(rng: random.Random) -> tuple[str, str]:
    body = _digits(rng, 11)
    total = sum(int(d) * (n + 1 if n <= 6 else n - 5) for n, d in enumerate(reversed(body), 1)) % 11
    number = f"{body}{0 if total <= 1 else 11 - total}"
    return rng.choice((
        (number, "マイナンバー：{}"), (f"{number[:4]} {number[4:8]} {number[8:]}", "My Number {}"),
        (f"{number[:4]}-{number[4:8]}-{number[8:]}", "{}"),
    ))  # fmt: skip


def _secret(rng: random.Random) -> tuple[str, str]:
    upper = string.ascii_uppercase + "234567"
    return rng.choice((
        lambda: ("AK" + "IA" + "".join(rng.choices(upper, k=16)), "{}"),
        lambda: ("gh" + "p_" + _token(rng, 36), "{}"),
        lambda: ("s" + "k-proj-" + _token(rng, 40), "{}"),
        lambda: ("xo" + "xb-" + _token(rng, 40), "{}"),
        lambda: ("AI" + "za" + _token(rng, 35), "{}"),
        lambda: (f"ey{'JhbGciOiJIUzI1NiJ9'}.{_token(rng, 60)}.{_token(rng, 43)}", "{}"),
        lambda: (_token(rng, 12), "postgres://admin:{}@db.example.com/app"),
        lambda: (_token(rng, 12), "password: {}"),
        lambda: (_token(rng, 32), "api_key={}"),
        lambda: (_token(rng, 40), "Bearer {}"),
        lambda: (_token(rng, 64), "-----BEGIN PRIVATE KEY-----\n{}\n" + _token(rng, 60) + "\n-----END PRIVATE KEY-----"),
        lambda: (f"arn:aws:secretsmanager:eu-west-1:{_digits(rng, 12)}:secret:{_token(rng, 8)}", "{}"),
    ))()  # fmt: skip


_KINDS: dict[str, tuple[Maker, ...]] = {
    "email": (_email,),
    "phone": (_phone_abroad, _phone_at_home, _phone_labelled),
    "bank_card": (_card,),
    "iban": (_iban,),
    "cn_id": (_cn_id,),
    "us_ssn": (_ssn,),
    "jp_my_number": (_my_number,),
    "secret": (_secret,),
}
