"""From a reply's text to one action."""
