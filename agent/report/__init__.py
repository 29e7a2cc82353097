"""The page that shows a recorded run."""
