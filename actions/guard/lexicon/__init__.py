"""The words on buttons and keys that have consequences, and how they are found."""
