"""What a flow is checked for before it is run; each module has the mistakes of one kind."""
