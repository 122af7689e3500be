"""What somebody may do to a sealed value where it lies."""

import pytest

TAMPERED = (
    pytest.param(lambda body: body[:-1] + bytes([body[-1] ^ 1]), id="changed"),
    pytest.param(lambda body: body[:10], id="cut"),
    pytest.param(lambda body: b"", id="empty"),
    pytest.param(lambda body: b"\x02" + body[1:], id="another format"),
    pytest.param(lambda body: b"not an envelope" * 100, id="foreign"),
    pytest.param(lambda body: b'{"variables":{},"source":"main"}', id="in the clear"),
    pytest.param(lambda body: bytes(3_000_000), id="huge"),
)
