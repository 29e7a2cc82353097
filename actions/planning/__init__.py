"""What an action is, and the exact input events it comes to."""
