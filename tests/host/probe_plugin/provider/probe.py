from dify_plugin import ToolProvider
from dify_plugin.errors.model import CredentialsValidateFailedError


class ProbeProvider(ToolProvider):
    def _validate_credentials(self, credentials):
        if credentials.get("key") == "wrong":
            raise CredentialsValidateFailedError("key: this key is wrong")
