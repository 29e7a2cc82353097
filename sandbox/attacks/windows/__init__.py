"""The windows that attacks are shown in."""
