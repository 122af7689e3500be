"""The outbound chain, once for each target that is asked: retry > gate > send.

`retry` stands outside, so that each attempt takes its own place in the limits and its own turn in the breaker. `attempt.send`
is called with the earlier of the target's timeout and the call's deadline for its first content; a `Stream` that it returns
must be primed (its first chunk was read), or a failure before that chunk could neither be counted nor repeated.
"""

from collections.abc import Callable

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.outbound import Outbound
from faas_toolkit.pipeline.gate import Gate
from faas_toolkit.pipeline.retry import Retry
from faas_toolkit.state.base import Cells


def build_outbound(*, cells: Cells, clock: Clock, random: Callable[[], float]) -> Outbound:
    """The chain over one store of cells.

    Args:
        cells: where limits and breakers are kept.
        clock: for deadlines and waits.
        random: a number from 0 up to, but without, 1, for the jitter of retries.
    """
    return Retry(gate=Gate(cells=cells, clock=clock), clock=clock, random=random)
