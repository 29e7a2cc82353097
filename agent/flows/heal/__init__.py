"""Heal a flow whose target changed: a wider search proposes, pictures prove, a person accepts."""
