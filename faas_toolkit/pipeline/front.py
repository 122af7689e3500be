"""The front: every policy once per call, in an order that is a decision and not a setting."""

from functools import partial

from faas_toolkit.core.chain import Policy, Proceed
from faas_toolkit.core.errors import Internal

FRONT_ORDER = (
    "audit",  # sees everything: every call, denial and hit
    "validation",  # cheap, and knows no names of the catalog yet
    "access",  # nothing is counted or cached for a caller who may not ask
    "admission",  # the caller's own quota; a cache hit spends it too
    "consult",  # a refusal must also hold for cached answers
    "review",  # the cache holds the unmasked answer once
    "cache",  # what is kept is cut by scope and not yet masked
    "intent",  # a replayed or kept answer has no effect; what comes further in may
    "enrich",  # its result is cached with the answer
)
"""Outermost first (design.md §2)."""


def compose(policies: tuple[Policy, ...], innermost: Proceed) -> Proceed:
    """One function that passes a call through the policies, the first one outermost, to what answers it.

    Raises:
        Internal: the policies of the front do not stand in its order; found when a runtime is built, not when a call leaks.
    """
    named = [name for policy in policies if (name := type(policy).__name__.lower()) in FRONT_ORDER]
    if named != [name for name in FRONT_ORDER if name in named]:
        raise Internal(f"The policies stand as {' > '.join(named)}; the front's order is {' > '.join(FRONT_ORDER)}.")
    proceed = innermost
    for policy in reversed(policies):
        proceed = partial(policy, proceed=proceed)
    return proceed
