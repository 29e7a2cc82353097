"""The job of `qvl-agent serve`: start a model server with the options that an agent needs."""
