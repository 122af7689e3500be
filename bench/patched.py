"""Imported first: gevent's patches, as importing Dify's SDK applies them."""

from gevent import monkey

monkey.patch_all(sys=True)
