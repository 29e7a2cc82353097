"""Plain data that every other package uses: coordinates, frames, windows, messages, outcomes, errors."""
