"""The report: one HTML page that shows a recorded run."""
