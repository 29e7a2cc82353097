"""The actions that an agent can take, and the exact input events of each."""
