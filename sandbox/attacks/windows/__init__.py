"""The windows that attacks are shown in: their description, and the processes that show them."""
