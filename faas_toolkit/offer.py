"""What one caller may use, asked through the policies that decide about questions: audit to consult.

Those further in are left out: what is offered is configuration, so nothing of it is masked, kept or enriched.
"""

from collections.abc import Sequence
from dataclasses import replace

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.chain import Policy
from faas_toolkit.core.inventory import Entry, Inventory, Offer
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.wiring import OPERATIONS, operation_named


def ask(call: Call, *, policies: Sequence[Policy], functions: Inventory, redact: SecretRedactor) -> Offer:
    """The operations and functions of this caller; `policies` are those of the front. Raises a `Failure`."""
    from faas_toolkit.pipeline.front import FRONT_ORDER, compose

    offered: list[Offer] = []

    def look(inner: Call) -> Answer:
        granted = (name for name in OPERATIONS if inner.scope.grants_operation(operation_named(name).grant))
        entries = (_without_secrets(entry, redact) for entry in functions.entries(inner.scope))
        offered.append(Offer(operations=tuple(granted), functions=tuple(entries)))
        return Answer(variables={}, source="catalog")

    compose(tuple(policies[: FRONT_ORDER.index("review")]), look)(call)
    return offered[0]


def _without_secrets(entry: Entry, redact: SecretRedactor) -> Entry:
    return replace(
        entry,
        description=redact(entry.description),
        arguments=redact.value(entry.arguments),
        result=redact.value(entry.result),
    )
