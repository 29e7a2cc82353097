"""The chat application: a client with a chat list and a conversation."""
