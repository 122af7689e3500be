"""Files of Dify as uploads: only what Dify signed is fetched the way Dify serves it."""

import httpx
import pytest
from dify_plugin.file.file import File

from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.errors import TooLarge, Unavailable
from faas_toolkit.core.upload import described
from faas_toolkit.dify.files import as_uploads
from tests.fakes.servers import serving

SIGNED = "/files/0d0c/file-preview?timestamp=1&nonce=2&sign=3"


def a_file(url, **more):
    return File(url=url, type="document", **{"filename": "a.txt", "mime_type": "Text/Plain", "size": 3, **more})


def test_a_signed_file_is_read_from_dify():
    with serving(lambda exchange: exchange.answer(b"abc", headers="Content-Type: text/plain")) as server:
        upload = as_uploads(a_file(f"http://127.0.0.1:{server.port}{SIGNED}"))
        assert upload.read() == b"abc"
    assert (upload.name, upload.media_type, upload.size) == ("a.txt", "text/plain", 3)


@pytest.mark.parametrize(
    "path",
    [
        "/latest/meta-data",
        "/files/a",
        "/files/a?sign=1",
        "/files/../admin?timestamp=1&nonce=2&sign=3",
        "/x/files/a?timestamp=1&nonce=2&sign=3",
        "/?next=/files/a&timestamp=1&nonce=2&sign=3",
    ],
)
def test_any_other_address_is_left_to_the_egress_guard(path):
    upload = as_uploads(a_file(f"http://169.254.169.254{path}"))
    assert upload.read is None
    assert upload.url.endswith(path)


def test_a_file_that_dify_does_not_give_is_unavailable_without_its_address(monkeypatch):
    monkeypatch.setattr(httpx, "get", lambda *_, **__: (_ for _ in ()).throw(httpx.ConnectError("http://secret")))
    with pytest.raises(Unavailable) as caught:
        as_uploads(a_file(f"http://127.0.0.1:9{SIGNED}")).read()
    assert "sign=" not in caught.value.as_text()


def test_a_huge_file_is_not_fetched():
    with pytest.raises(TooLarge):
        as_uploads(a_file(f"http://127.0.0.1:9{SIGNED}", size=10**9)).read()


def test_lists_are_looked_through_and_everything_else_stays():
    file = a_file(f"http://a.example{SIGNED}", filename=None, extension=".md", size=-1)
    (upload, nothing) = as_uploads([file, None])
    assert (upload.name, upload.size, nothing) == ("file-preview.md", None, None)
    for value in (None, "text", 5, [], [None], {"url": "x"}):
        assert as_uploads(value) == value


def test_what_is_written_down_of_a_file_is_never_its_address():
    arguments = {"files": (as_uploads(a_file(f"http://a.example{SIGNED}")),), "text": "t"}
    assert described(arguments) == {"files": ({"name": "a.txt", "media_type": "text/plain", "size": 3},), "text": "t"}
    assert "sign=" not in canonical_json(arguments) + repr(arguments)
