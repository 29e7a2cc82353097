"""The words on buttons and keys that have consequences, and how they are found.

The words are data: english.toml, chinese.toml and programs.toml; docs/guard.md tells how to edit them.
`words` reads and checks them, `normalise` takes off disguises, `patterns` makes them searchable, and `search`
searches.
"""
