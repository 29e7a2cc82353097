"""pytest runs flows and recorded runs as tests; pytest finds it by itself where qvl-agent is installed."""
