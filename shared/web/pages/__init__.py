"""The kit that every page for people is made of: one template, its parts, one stylesheet, words in two languages (docs/extending.md)."""
