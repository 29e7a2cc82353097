"""What a person reads and answers in the terminal."""
