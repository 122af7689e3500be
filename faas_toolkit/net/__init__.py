"""The only code that opens sockets, but for the drivers of `state`."""
