"""Facts that everybody shares: coordinates, frames, windows, messages, outcomes, errors."""
