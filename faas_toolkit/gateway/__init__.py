"""HTTP in front of the toolkit, as plain values: no SDK, no server, no sockets."""
