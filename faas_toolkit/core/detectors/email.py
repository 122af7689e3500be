"""E-mail addresses."""

import re
from collections.abc import Iterator

from faas_toolkit.core.detectors.text import UNSPACED_SCRIPTS, Found

# The top-level domains of these scripts by name: the text may run on after them without a space.
_UNSPACED_TLD = (
    "中国|中國|公司|网络|網絡|网址|商城|在线|中文网|手机|移动|集团|商店|广告|香港|台湾|台灣|新加坡|澳門|政务|公益"
    "|みんな|世界|コム|닷컴|닷넷|한국"
)
_LABEL = rf"(?:[^\W_{UNSPACED_SCRIPTS}](?:[^\W{UNSPACED_SCRIPTS}]|-){{0,62}}|[{UNSPACED_SCRIPTS}][\w-]{{0,62}})"
AT_SIGN = re.compile(r"[@＠﹫]|%(?:25){0,2}40|&#(?:0{0,5}64|[xX]0{0,4}40);|&commat;|\\u0040")
"""The sign as it is, wide and small, and as URLs (also twice encoded), HTML and JSON spell it."""
_DOMAIN = re.compile(
    rf"(?:{_LABEL}[.．]){{1,8}}(?:xn--[a-z0-9-]{{1,59}}|{_UNSPACED_TLD}|[^\W\d_{UNSPACED_SCRIPTS}]{{2,24}}(?![^\W_{UNSPACED_SCRIPTS}]))",
    re.IGNORECASE,
)
# Read from the @ to the left, so on reversed text. First the usual local part, which ends where an unspaced script begins
# (联系user@example.com); only where such a script stands at the @ itself does it belong to the address (用户@例子.中国).
_LOCAL = re.compile(rf"(?:[^\W{UNSPACED_SCRIPTS}]|[.．＋－+%&'-]){{0,63}}[^\W{UNSPACED_SCRIPTS}]|[\w.．＋－+-]{{0,63}}\w")


def find_emails(text: str, key: str = "") -> Iterator[Found]:
    """E-mail addresses, in any script and spelling of the sign; also where no space stands before or after them.

    The field's name says nothing more.
    """
    for sign in AT_SIGN.finditer(text):
        domain = _DOMAIN.match(text, sign.end())
        if domain is None:
            continue
        at = sign.start()
        local = _LOCAL.match(text[max(0, at - 64) : at][::-1])
        if local is not None:
            start = at - local.end()
            yield Found("email", start, domain.end(), text[start : domain.end()])
