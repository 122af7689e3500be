"""Development only: plays Dify's side of the wire, so that the plugin can be run, called, measured and shown without Dify."""
