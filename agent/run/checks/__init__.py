"""What is asked beside the conversation: a closer look, whether it is done, whether it goes in circles."""
