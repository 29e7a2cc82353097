"""The widgets and the style that the applications share."""
