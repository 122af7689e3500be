"""What a model reads of another model's answer: the answer."""

from collections.abc import Mapping


def present_answer(variables: Mapping[str, object], max_chars: int) -> str:
    """The answer itself, cut at the bound and saying so."""
    answer = str(variables["answer"])
    if len(answer) <= max_chars:
        return answer
    mark = f"… (cut: {len(answer):,} characters in all; set max_tokens, or read the variable `answer`)"
    return f"{answer[: max(0, max_chars - len(mark))]}{mark}"[:max_chars]
