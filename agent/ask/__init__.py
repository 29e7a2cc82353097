"""One question about the screen, a picture or a video."""
