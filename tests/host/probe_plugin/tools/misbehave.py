import os
import sys
import threading
import time

from dify_plugin import Tool
from dify_plugin.errors.model import InvokeRateLimitError

LONGEST_LINE = 5_242_880


class MisbehaveTool(Tool):
    def _invoke(self, tool_parameters):
        text = getattr(self, tool_parameters["how"].replace(" ", "_"))()
        yield self.create_text_message(text or "done")

    def print(self):
        print("hello")  # noqa: T201 - what the host must notice

    def print_without_newline(self):
        sys.stdout.write("hello")

    def long_line(self):
        return "x" * (LONGEST_LINE - 1_000)

    def too_long_line(self):
        return "x" * LONGEST_LINE

    def exit(self):
        os._exit(3)

    def burn(self):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            pass

    def fail(self):
        sys.stderr.write("a trace of it\n")
        raise RuntimeError("boom")

    def fail_throttled(self):
        raise InvokeRateLimitError("slow down")

    def leave_without_a_word(self):
        raise SystemExit

    def call_after_the_end(self):
        threading.Thread(target=self._call_later).start()

    def _call_later(self):
        time.sleep(0.2)
        self.session.storage.get("anything")
