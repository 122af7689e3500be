"""From what a caller gives to passages: decoding, formats, cutting."""
