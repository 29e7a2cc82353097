"""The process beside a run that holds the kill switch and releases what is pressed."""
