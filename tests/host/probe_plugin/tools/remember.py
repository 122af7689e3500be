from dify_plugin import Tool


class RememberTool(Tool):
    def _invoke(self, tool_parameters):
        yield self.create_text_message(self._done(tool_parameters))

    def _done(self, asked):
        storage = self.session.storage
        if asked["do"] == "set":
            return str(storage.set(asked["key"], asked["value"].encode()))
        if asked["do"] == "get":
            return storage.get(asked["key"]).decode()
        return str(storage.exist(asked["key"]) if asked["do"] == "exist" else storage.delete(asked["key"]))
