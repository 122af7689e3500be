"""The `.difypkg`: which files go into it, what Dify and its marketplace want of it, and that it starts."""
