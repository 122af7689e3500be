import time

from dify_plugin import Tool


class WaitTool(Tool):
    def _invoke(self, tool_parameters):
        time.sleep(tool_parameters["seconds"])
        yield self.create_text_message(f"waited {tool_parameters['seconds']}")
