"""How hidden instructions are worded: English, Chinese, Japanese and Portuguese; over small letters, every repetition bounded.

Each says to a model what nobody says to a reader: to give up its instructions, to take a role, to keep something from its user.
Words that manuals use (ignore this message, disregard the previous letter) are not enough.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from faas_toolkit.core.detectors.text import INVISIBLE

# --- orders, over texts with one blank between words ---------------------------------------------------------------------------

_ORDERS = r"(?:instructions?|prompts?|directives?|guidelines|system messages?|programming|training)"
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|existing|initial|original|system|developer|safety)"
_FILLING = r"(?:(?:all|any|every|of|the|your|these|those|my|other|and) ){0,5}"
_TOLD = r"(?:above|before|given|so far|you (?:were|have been) (?:given|told))"

_ENGLISH = (
    rf"\b(?:ignore|disregard|forget|override|bypass|discard) {_FILLING}(?:{_EARLIER} ){{1,2}}{_ORDERS}\b",
    rf"\b(?:ignore|disregard|forget) {_FILLING}{_ORDERS} {_TOLD}",
    rf"\b(?:ignore|disregard|forget) (?:everything|all|anything) {_TOLD}",
    r"\byou are now (?:in )?(?:an? )?(?:dan\b|developer mode|jailbroken|unrestricted|unfiltered)",
    r"\b(?:do not|don['’]t|never) (?:tell|inform|(?:mention|reveal|say) (?:this|it|anything) to) (?:the )?(?:user|human)\b",
    (
        r"\b(?:reveal|print|output|show|repeat|send) (?:me )?(?:your|the) (?:(?:full|entire|hidden|secret|initial) )?"
        r"system (?:prompt|instructions)"
    ),
)
_CHINESE = (
    (
        r"(?:忽略|无视|無視|忘记|忘掉|忘記|不要理会|不用理会|抛弃|绕过)掉?"
        r"(?:你|您|的|所有|一切|全部|任何|以上|之前|先前|前面|上述|上面|此前|现有|系统|系統|给你|收到|过|到){1,8}"
        r"(?:指令|指示|提示词|提示|命令|设定|設定|规则|規則|约束|限制)"
    ),
    r"(?:输出|显示|泄露|透露|打印|告诉我|重复)(?:一下)?[你您]?的?(?:完整)?的?(?:系统提示词|系统提示|系统指令|初始指令)",
    r"(?:不要|别|切勿|不得)(?:告诉|告知|让|向)(?:用户|使用者)(?:知道|透露|提及)?",
    r"你现在(?:是|进入|处于)(?:一个|一名)?(?:不受限制|没有限制|无限制|越狱|开发者模式|dan\b)",
)
_JAPANESE = (
    (
        r"(?:これまで|以前|上記|前述|先ほど|今まで|上|すべて|全て|システム)の(?:すべて|全て)?の?(?:指示|命令|ルール|プロンプト|指令|制約)"
        r"[をは]?(?:すべて|全て)?(?:無視|忘れ|破棄|取り消)"
    ),
    r"(?:指示|命令|プロンプト|指令)[をは](?:すべて|全て)(?:無視|忘れ|破棄)",
    r"システム(?:プロンプト|の指示)を(?:表示|出力|教え|開示|見せ)",
    r"(?:ユーザー?|利用者)には?(?:絶対に)?(?:言わない|知らせない|伝えない|教えない|言うな|伝えるな)",
)
_PORTUGUESE = (
    (
        r"\b(?:ignor[ea]r?|desconsidere|desconsidera|esqueça|esquece|descarte|desobedeça) "
        r"(?:(?:todas?|todos|as|os|quaisquer|suas|seus|tuas|essas|das|de) ){0,4}"
        r"(?:instruções|instrucoes|ordens|diretrizes|comandos|orientações|prompts?) "
        r"(?:anteriores|acima|prévias|precedentes|do sistema|iniciais|que recebeu)"
    ),
    r"\b(?:ignore|esqueça|desconsidere) tudo (?:o )?(?:que (?:foi dito|veio|está) )?(?:acima|anterior(?:mente)?|antes)",
    r"\bnão (?:conte|diga|informe|revele|mencione) (?:(?:isso|isto|nada) )?(?:ao|para o) (?:usuário|utilizador)",
    r"\b(?:revele|mostre|exiba|imprima|repita) (?:o )?(?:seu )?prompt d[oe] sistema",
)
_NOT = r"(?P<not>(?:not|never|n't|n’t|without|cannot|不要|请勿|勿|不得|não|nunca|jamais) ?)?"
_ORDERS_BY_WORD: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("ignore", "disregard", "forget", "override", "bypass", "discard"): _ENGLISH[:3],
    ("you are now",): _ENGLISH[3:4],
    ("do not ", "don't ", "don’t ", "never "): _ENGLISH[4:5],
    ("system prompt", "system instructions"): _ENGLISH[5:],
    ("忽略", "无视", "無視", "忘记", "忘掉", "忘記", "理会", "抛弃", "绕过"): _CHINESE[:1],
    ("系统提示", "系统指令", "初始指令"): _CHINESE[1:2],
    tuple(verb + who for verb in ("告诉", "告知", "让", "向") for who in ("用户", "使用者")): _CHINESE[2:3],
    ("你现在",): _CHINESE[3:],
    ("無視", "忘れ", "破棄", "取り消"): _JAPANESE[:2],
    ("システムプロンプト", "システムの指示"): _JAPANESE[2:3],
    ("ユーザに", "ユーザーに", "利用者に"): _JAPANESE[3:],
    ("ignor", "desconsider", "esque", "descart", "desobede"): _PORTUGUESE[:2],
    ("ao usuário", "ao utilizador", "para o usuário", "para o utilizador"): _PORTUGUESE[2:3],
    ("prompt do sistema", "prompt de sistema"): _PORTUGUESE[3:],
}
OVERRIDES = {words: tuple(re.compile(_NOT + pattern) for pattern in patterns) for words, patterns in _ORDERS_BY_WORD.items()}
"""What takes a model from its instructions, by words of which it holds one. With the group `not` it is a warning."""

# --- marks of roles, hidden markup, encoded sentences ---------------------------------------------------------------------------

_SPEAKERS = "(?:system|assistant|developer|系统|システム|sistema)(?: (?:prompt|message))?[ *]{0,3}[:：]"
_TO_A_MODEL = "you (?:are|must|will|should|have)|ignore|disregard|from now|new instructions|你|您|忽略|あなたは|以下の指示|você"
ROLE_MARKERS = re.compile(
    r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|(?:start|end)_header_id|begin_of_text|end_of_turn)\|>"
    r"|<(?:start|end)_of_turn>|\[/?inst\]|<</?sys>>|</?(?:system|assistant)[_ -]?(?:prompt|message|instructions?)>"
    rf"|(?:^|\n)[ \t>*#]{{0,8}}{_SPEAKERS}\s{{0,5}}(?:{_TO_A_MODEL})"
)
"""Marks by which models' formats tell who speaks, and lines that claim to be the system's."""

_NOT_SHOWN = (
    r"display ?: ?none|visibility ?: ?hidden|font-size ?: ?0(?![.\d])|opacity ?: ?0(?![.\d])"
    r"|color ?: ?(?:white|#fff(?:fff)?)\b"
)
HIDDEN_MARKUP = re.compile(
    rf"<!--(?:(?!-->|<!--).){{1,2000}}|<\w{{1,12}}\s[^<>]{{0,300}}?(?:{_NOT_SHOWN})[^<>]{{0,300}}>[^<]{{1,2000}}", re.DOTALL
)
"""Comments of HTML and elements that are not shown; they count where they speak to a model."""

ENCODED = re.compile(r"[A-Za-z0-9+/]{40,8000}={0,2}")
"""What may be base64 of a sentence."""


_BLANKS = r"(?:[\s\v\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2028}\x{2029}]|\\[nrtf])+"
"""Whatever `str.split` splits at and compatibility (NFKC) does not make a blank of, also as JSON writes it."""


@cache
def hint() -> Any:  # noqa: ANN401 - re2 has no types
    """A pattern of a linear-time engine over UTF-8, found in whatever the patterns above are found in, or holds what nobody sees.

    Most texts have none of it, which one pass tells, 20 times sooner than the patterns themselves would. It is found in a text as
    in JSON that holds it: there characters stand for themselves, but for quotes, backslashes and what is not printed. Of the last
    it knows blanks; who looks through JSON has to mind the others. Made once: the engine is loaded on first use.
    """
    import re2

    overrides = "|".join(re2.escape(word) for words in OVERRIDES for word in words).replace(r"\ ", _BLANKS)
    roles = "|".join((*map(re2.escape, ("<", "[inst]", "[/inst]")), _SPEAKERS))
    return re2.compile(f"(?i:{overrides}|{roles}|[a-z0-9+/]{{40}})|{INVISIBLE.pattern}".encode())
