"""What opens a door: passwords in addresses and behind their names, private keys, tokens of well-known shapes, where secrets lie.

The configuration's own secrets are known by their values and removed everywhere (`core.redaction.SecretRedactor`); here are those
of others, which stand in documents, records and answers.
"""

import re
from collections.abc import Iterator, Mapping

from faas_toolkit.core.detectors.text import Found, field_words, plain

MAX_CHARS = 8_192
"""The longest token that is found whole, and the longest part of a stream without a blank that waits for its end."""
_MAX_LINES = 400
"""Lines of a private key: RSA with 16,384 bits has 200."""

_NO_WORD = r"(?<![A-Za-z0-9])"
_HIDDEN_ALREADY = re.compile(r"\*+|\[[a-z_]{2,20}(?::[\w-]*)?\]|[xX]{3,}|\$?\{[^}]*\}|<[^>]*>|%\w+%|\.{3,}|…")
"""What stands where a password was, or will be: masks, placeholders and variables."""

_SEGMENTS = r"(?:[A-Za-z0-9]{1,20}[-_]){0,4}(?=[A-Za-z_-]{0,60}\d)[A-Za-z0-9_-]{20,300}"

# By a piece of text that each of them holds: looking for that is what costs next to nothing, and most texts have none. Tokens are
# not parted by blanks, so a stream waits for the end of one (`pipeline/masking.py`).
_KINDS: Mapping[str, str] = {
    "PRIVATE KEY": (
        r"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----(?:[\s\\rn]{1,8}[A-Za-z-]{1,30}: [^\n\\]{1,200}){0,4}"
        rf"(?:[\s\\rn]{{0,8}}[A-Za-z0-9+/=]{{16,80}}){{1,{_MAX_LINES}}}+[\s\\rn]{{0,8}}[A-Za-z0-9+/=]{{0,80}}"
        r"(?:[\s\\rn]{0,8}-----END [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----)?"
    ),
    "://": r"(?<=://)[^\s/:@\"'<>]{0,100}:(?P<part>[^\s/\"'<>]{1,200})@(?=[A-Za-z0-9\[])",
    ":\\/\\/": r"(?<=:\\/\\/)[^\s/:@\"'<>]{0,100}:(?P<part>[^\s/\"'<>]{1,200})@(?=[A-Za-z0-9\[])",
    "eyJ": rf"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{{8,1000}}\.[A-Za-z0-9_-]{{2,{MAX_CHARS}}}(?:\.[A-Za-z0-9_-]{{0,1500}}){{0,3}}",
    "AKIA": rf"{_NO_WORD}AKIA[A-Z2-7]{{16}}(?![A-Za-z0-9])",
    "ASIA": rf"{_NO_WORD}ASIA[A-Z2-7]{{16}}(?![A-Za-z0-9])",
    "LTAI": rf"{_NO_WORD}LTAI[A-Za-z0-9]{{12,26}}(?![A-Za-z0-9])",
    "AKID": rf"{_NO_WORD}AKID[A-Za-z0-9]{{32}}(?![A-Za-z0-9])",
    "AIza": rf"{_NO_WORD}AIza[A-Za-z0-9_-]{{35}}(?![A-Za-z0-9_-])",
    "ya29.": rf"{_NO_WORD}ya29\.[A-Za-z0-9_-]{{20,2000}}",
    "GOCSPX-": rf"{_NO_WORD}GOCSPX-[A-Za-z0-9_-]{{20,60}}",
    "gh": rf"{_NO_WORD}gh[pousr]_[A-Za-z0-9]{{30,255}}",
    "github_pat_": rf"{_NO_WORD}github_pat_[A-Za-z0-9_]{{30,255}}",
    "glpat-": rf"{_NO_WORD}glpat-[A-Za-z0-9_.-]{{20,300}}",
    "xox": rf"{_NO_WORD}xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{{10,300}}",
    "xapp-": rf"{_NO_WORD}xapp-[A-Za-z0-9-]{{20,300}}",
    "hooks.slack.com/": r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,200}",
    "sk-": rf"(?<![A-Za-z0-9_-])sk-{_SEGMENTS}",
    "sk_": rf"(?<![A-Za-z0-9_-])sk_{_SEGMENTS}",
    "rk_": rf"(?<![A-Za-z0-9_-])rk_{_SEGMENTS}",
    "whsec_": rf"{_NO_WORD}whsec_[A-Za-z0-9+/]{{24,200}}={{0,2}}",
    "hf_": rf"{_NO_WORD}hf_[A-Za-z0-9]{{30,60}}",
    "npm_": rf"{_NO_WORD}npm_[A-Za-z0-9]{{36}}(?![A-Za-z0-9])",
    "pypi-": rf"{_NO_WORD}pypi-AgE[A-Za-z0-9_-]{{50,1000}}",
    "SG.": rf"{_NO_WORD}SG\.[A-Za-z0-9_-]{{16,32}}\.[A-Za-z0-9_-]{{16,64}}",
    "hvs.": rf"{_NO_WORD}hvs\.[A-Za-z0-9_-]{{24,300}}",
    "pat-": rf"{_NO_WORD}pat-(?:na|eu|ap)\d-[0-9a-fA-F-]{{30,40}}",
    "shp": rf"{_NO_WORD}shp(?:at|ca|pa|ss)_[0-9a-fA-F]{{32}}",
    "app-": rf"{_NO_WORD}app-(?=[A-Za-z]{{0,23}}\d)[A-Za-z0-9]{{24}}(?![A-Za-z0-9-])",
    "dataset-": rf"{_NO_WORD}dataset-(?=[A-Za-z]{{0,23}}\d)[A-Za-z0-9]{{24}}(?![A-Za-z0-9-])",
    "Key=": r"(?:Account|Access)Key=(?P<part>[A-Za-z0-9+/]{30,100}={0,2})",
    "sig=": r"(?<=[?&]sig=)[A-Za-z0-9%+/=_-]{30,600}",
    "-Signature=": r"(?<=-Signature=)[A-Za-z0-9%+/=_-]{30,600}",
    "earer": rf"{_NO_WORD}[Bb]earer[ ]{{1,3}}(?P<part>(?=[A-Za-z_.~+/-]{{0,200}}\d)[A-Za-z0-9._~+/-]{{16,2000}}={{0,2}})",
    "asic ": rf"{_NO_WORD}[Bb]asic[ ]{{1,3}}(?P<part>(?=[A-Za-z+/]{{0,100}}\d)[A-Za-z0-9+/]{{12,500}}={{0,2}})(?![A-Za-z0-9])",
    ":secretsmanager:": r"arn:aws[a-z-]{0,10}:secretsmanager:[a-z0-9-]{1,30}:\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}",
    "/secrets/": r"(?:projects/[a-z0-9-]{1,60}|\.vault\.azure\.net)/secrets/[A-Za-z0-9_-]{1,255}(?:/(?:versions/)?\w{1,64})?",
    "op://": rf"{_NO_WORD}op://[^\s/\"']{{1,100}}(?:/[^\s/\"']{{1,100}}){{1,3}}",
    "vault:": rf"{_NO_WORD}vault:(?://)?(?=[\w./-]{{0,200}}/)[\w./-]{{3,200}}(?:\#\w{{1,100}})?",
    "secret/data/": rf"{_NO_WORD}secret/data/[\w./-]{{1,200}}(?:\#\w{{1,100}})?",
}
_PATTERNS = {piece: re.compile(pattern, re.ASCII) for piece, pattern in _KINDS.items()}

# The end of a private key whose beginning stands elsewhere (a passage of a document): read from its last line to the left.
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----", re.ASCII)
_BREAK = r"(?:[\r\n]|[rn]\\){1,4}+"
_IN_LINE = r"(?:[A-Za-z0-9+/=](?!\\))"
_LINES_BEFORE = re.compile(rf"(?:{_BREAK}{_IN_LINE}{{1,80}}+)?(?:{_BREAK}{_IN_LINE}{{16,80}}+){{1,{_MAX_LINES}}}+", re.ASCII)
_LONGEST_KEY = _MAX_LINES * 84

# What they are called, in small letters, and how it is said that what follows is one.
_SAYS = r"[\"'*_` ]{0,5}(?:[:：=]|=>|\bis\b|是|は|为)[\"'` ]{0,5}"
_PASSWORD = re.compile(
    r"(?<![\[{])(?:password|passwd|passphrase|pwd|密码|密碼|口令|パスワ[ー-]ド|暗証番号|senha|contraseña|mot de passe|passwort"
    r"|비밀번호)"
    rf"{_SAYS}(?P<part>[^\s\"'`,;<>，。；]{{6,200}})"
)
_KEY = re.compile(
    rf"(?<![\[{{:])(?:secret|token|key|密钥|密鑰|秘钥){_SAYS}(?P<part>[a-z0-9+/_.=~-]{{16,1000}})(?![a-z0-9])", re.ASCII
)
_OF_A_KEY = re.compile(r"(?:access|refresh|id|auth|api|bearer|session|secret|private|encryption)[ _-]?$")
_SHORTEST = 10
"""Characters of the shortest that is found, `pwd=abc123`."""
_FIELD = re.compile(
    r"(?:.*_)?(?:password|passwd|passphrase|pwd|密码|パスワード|senha|(?:access|refresh|id|auth|api|bearer|session)_?token"
    r"|(?:client|app|consumer|signing|shared|webhook)_secret|secret|(?:api|secret|private|access|account)_?key|secret_access_key)"
)
_WHOLE = re.compile(r"\s*(?P<part>\S{6,2000})\s*")


def find_credentials(text: str, key: str = "") -> Iterator[Found]:
    """Passwords in addresses, private keys, tokens, and addresses in secret stores.

    Args:
        text: where to look.
        key: the name of the field that holds the text; one such as `password` or `api_key` holds one in whatever form.
    """
    if key and len(text) <= 2_000 and _FIELD.fullmatch(field_words(key)) and (whole := _WHOLE.fullmatch(text)):
        yield from _found(text, whole)
        return
    if len(text) < _SHORTEST:
        return
    readable = plain(text)
    for piece, pattern in _PATTERNS.items():
        if piece in readable:
            for match in pattern.finditer(readable):
                yield from _found(text, match)
    if "-----END " in readable:
        yield from _ends_of_keys(text, readable)
    small = readable.lower()
    if len(small) == len(text):  # a few capital letters have a small form of two characters
        yield from _labelled(text, small)


def _ends_of_keys(text: str, readable: str) -> Iterator[Found]:
    done = 0
    for end in _KEY_END.finditer(readable):
        lines = _LINES_BEFORE.match(readable[max(done, end.start() - _LONGEST_KEY) : end.start()][::-1])
        done = end.end()
        if lines is not None:
            start = end.start() - lines.end()
            yield Found("secret", start, done, text[start:done])


def _labelled(text: str, small: str) -> Iterator[Found]:
    for match in _PASSWORD.finditer(small):
        if _is_mixed(match["part"]):
            yield from _found(text, match)
    for match in _KEY.finditer(small):
        named = (
            match[0].startswith("secret")
            or not match[0].isascii()
            or _OF_A_KEY.search(small, max(0, match.start() - 12), match.start())
        )
        if named and _has_letters_and_digits(match["part"]):
            yield from _found(text, match)


def _found(text: str, match: re.Match[str]) -> Iterator[Found]:
    group: int | str = "part" if "part" in match.re.groupindex else 0
    start, end = match.span(group)
    if not _HIDDEN_ALREADY.fullmatch(text, start, end):
        yield Found("secret", start, end, text[start:end])


def _is_mixed(value: str) -> bool:
    """Whether it is no ordinary word behind `Password:` (required, eight characters)."""
    inner = value.rstrip(".)!?")
    return (
        len(inner) >= 6
        and any(map(str.isalpha, inner))
        and (any(map(str.isdigit, inner)) or any(c in "!@#$%^&*?~+=" for c in inner))
    )


def _has_letters_and_digits(value: str) -> bool:
    return any(map(str.isalpha, value)) and any(map(str.isdigit, value))
