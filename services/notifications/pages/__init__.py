"""Notifications' pages for people. A module with `add` has a page; the others are what it is made of."""
