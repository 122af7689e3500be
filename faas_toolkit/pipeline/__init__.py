"""What every call passes: the policies of the front, once for each call, and the outbound chain, once for each target asked."""
