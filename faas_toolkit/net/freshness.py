"""How long what a server answered may be taken for fresh."""

from collections.abc import Mapping

_USUAL_SECONDS = 300.0


def max_age_of(cache_control: str) -> float:
    """Seconds of `max-age` (RFC 9111 §5.2.2.1); five minutes where nothing is said."""
    for directive in cache_control.split(","):
        name, _, value = directive.strip().partition("=")
        if name.lower() == "max-age" and value.isdecimal() and len(value) < 9:
            return float(value)
    return _USUAL_SECONDS


def fresh_for(headers: Mapping[str, str]) -> float:
    """Seconds that an answer is still fresh: `max-age` less `Age` (RFC 9111 §4.2.3); 0 after `no-store` and `no-cache`."""
    said = headers.get("cache-control", "").lower()
    if any(directive.strip() in ("no-store", "no-cache") for directive in said.split(",")):
        return 0.0
    age = headers.get("age", "").strip()
    return max(0.0, max_age_of(said) - (float(age) if age.isdecimal() and len(age) < 9 else 0.0))
