"""What is kept so that it need not be asked, or done, again."""
