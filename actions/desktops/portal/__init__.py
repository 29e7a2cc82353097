"""Desktops whose session asks the person for consent: GNOME, KDE and others, by xdg-desktop-portal."""
