from dify_plugin import Tool


class AnswerTool(Tool):
    def _invoke(self, tool_parameters):
        yield self.create_text_message(f"word: {tool_parameters.get('word')}")
        yield self.create_variable_message(
            "received",
            {
                "parameters": tool_parameters,
                "credentials": self.runtime.credentials,
                "user_id": self.runtime.user_id,
                "app_id": self.session.app_id,
                "conversation_id": self.session.conversation_id,
                "message_id": self.session.message_id,
            },
        )
        yield self.create_stream_variable_message("streamed", "one ")
        yield self.create_stream_variable_message("streamed", "two")
        yield self.create_blob_message(b"x" * 20_000, meta={"mime_type": "text/plain", "filename": "x.txt"})
