"""Customers: who they are and what they have open, from any number of sources."""
