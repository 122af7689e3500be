"""A host without Dify: storage in a dictionary, with the SDK's way of failing."""

from faas_toolkit.core.errors import Unavailable


class FakeStorage:
    """`core.host.KeyValueStorage` over a dictionary that several fakes may share, as nodes share a workspace's storage."""

    def __init__(self, values: dict[str, bytes] | None = None) -> None:
        self.values = {} if values is None else values
        self.reads = 0
        self.down = False

    def get(self, key: str) -> bytes | None:
        self.reads += 1
        if self.down:
            raise Unavailable("Storage is down.")
        return self.values.get(key)

    def set(self, key: str, value: bytes) -> None:
        if self.down:
            raise Unavailable("Storage is down.")
        self.values[key] = value


class FakeModels:
    """`core.host.LanguageModels` over pieces by the model's name; a `Failure` among them is raised where it stands."""

    def __init__(self, **pieces) -> None:
        self.pieces = pieces
        self.asked: list[tuple] = []

    def generate(self, model, messages, pace):
        self.asked.append((model, tuple(messages)))
        for piece in self.pieces[model.name]:
            if isinstance(piece, Exception):
                raise piece
            yield piece


class FakeHost:
    """`core.host.Host`."""

    def __init__(self, storage: FakeStorage | None = None, llm: FakeModels | None = None) -> None:
        self.storage = storage or FakeStorage()
        self.llm = llm or FakeModels()


class SdkStorage:
    """The SDK's `session.storage`: every failure is a bare Exception, a missing key included."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.down = False

    def get(self, key: str) -> bytes:
        if self.down or key not in self.values:
            raise Exception("load data failed, please check if the key is correct or you have not set it")  # noqa: TRY002
        return self.values[key]

    def set(self, key: str, val: bytes) -> None:
        if self.down:
            raise Exception("save data failed")  # noqa: TRY002
        self.values[key] = val

    def exist(self, key: str) -> bool:
        if self.down:
            raise Exception("backwards invocation failed")  # noqa: TRY002
        return key in self.values
