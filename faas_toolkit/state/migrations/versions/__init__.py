"""The steps of the history; the number in a file's name is its revision."""
