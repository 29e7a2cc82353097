"""The windows on an X display: their owners, their places, and which of them has the focus."""
