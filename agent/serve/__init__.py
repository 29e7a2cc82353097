"""Starting a model server that suits an agent."""
