"""How a request proves who sends it: pure functions, time and keys in, headers out."""
