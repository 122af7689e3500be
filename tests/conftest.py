"""Tests run as the plugin does: under the gevent patches that importing the SDK applies, so it is imported before everything."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK's own, at import; ours are errors
    import dify_plugin  # noqa: F401 - applies the patches
