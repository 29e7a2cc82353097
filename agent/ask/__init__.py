"""The job of `qvl-agent ask`: one question about the screen, a picture, a video or a recorded run."""
