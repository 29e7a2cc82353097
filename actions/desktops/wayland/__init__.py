"""Desktops of Wayland compositors that let a program see and drive the screen: those made with wlroots."""
