from dify_plugin import Tool
from dify_plugin.entities.model.llm import LLMModelConfig
from dify_plugin.entities.model.message import UserPromptMessage
from dify_plugin.entities.model.rerank import RerankModelConfig
from dify_plugin.entities.model.text_embedding import TextEmbeddingModelConfig

PROVIDER = "langgenius/openai/openai"


class AskTool(Tool):
    def _invoke(self, tool_parameters):
        yield self.create_text_message(self._asked(tool_parameters["what"], tool_parameters.get("text") or "hello"))

    def _asked(self, what, text):
        model = self.session.model
        if what in ("llm", "llm stream"):
            config = LLMModelConfig(provider=PROVIDER, model="small", mode="chat", completion_params={"temperature": 0})
            answer = model.llm.invoke(config, [UserPromptMessage(content=text)], stream=what == "llm stream")
            if what == "llm":
                return f"{answer.message.content} ({answer.usage.total_tokens} tokens)"
            return "|".join(chunk.delta.message.content for chunk in answer)
        if what == "embedding":
            config = TextEmbeddingModelConfig(provider=PROVIDER, model="small-embedding")
            return str(model.text_embedding.invoke(config, [text, text]).embeddings)
        if what == "rerank":
            config = RerankModelConfig(provider=PROVIDER, model="r", score_threshold=0, top_n=1)
            return str(model.rerank.invoke(config, [text], text).docs)
        if what == "app":
            return str(self.session.app.chat.invoke("app-9", text, {}, "blocking"))
        return "".join(
            part.message.text for part in self.session.tool.invoke_builtin_tool("other/plugin/tools", "time", {"zone": text})
        )
