"""Applications and programs by what they are, in small letters. Data alone.

Each stands as its window or its executable names it: WM_CLASS on X11, the last part of a
reverse-domain name, or the program without ".exe".
"""

from typing import Final

__all__ = [
    "BROWSERS",
    "FILES_AND_MAIL",
    "FORBIDDEN",
    "FORBIDDEN_TITLES",
    "INSTALLERS",
    "MESSENGERS",
    "RUN_DIALOGS",
    "SHELL_INSIDE",
    "TERMINALS",
]

FORBIDDEN: Final[dict[str, frozenset[str]]] = {
    "a password manager": frozenset({
        "keepassxc", "keepassx", "keepass", "keepass2", "bitwarden", "1password", "lastpass", "enpass",
        "dashlane", "nordpass", "proton-pass", "protonpass", "proton pass", "qtpass", "buttercup", "keeweb",
        "passky", "roboform", "secrets", "goldwarden", "gopass-ui", "passwords",
    }),
    "a keyring": frozenset({
        "seahorse", "kwalletmanager", "kwalletmanager5", "kwalletmanager6", "kwalletd", "kwalletd5",
        "kwalletd6",
        "gcr-prompter", "gcr-viewer", "gnome-keyring-daemon", "pinentry", "pinentry-gtk", "pinentry-gtk-2",
        "pinentry-gnome3", "pinentry-qt", "pinentry-qt5", "pinentry-x11", "kleopatra", "keychain access",
        "ssh-askpass", "x11-ssh-askpass", "ksshaskpass", "gnome-ssh-askpass",
    }),
    "a question about more rights": frozenset({
        "polkit-gnome-authentication-agent-1", "polkit-kde-authentication-agent-1",
        "polkit-mate-authentication-agent-1", "mate-polkit", "lxpolkit", "xfce-polkit",
        "lxqt-policykit-agent",
        "lxqt-policykit", "ukui-polkit", "deepin-polkit", "dde-polkit-agent", "polkit-1-auth-agent",
        "hyprpolkitagent",
        "gksu", "gksudo", "kdesu", "kdesudo", "lxsudo", "lxqt-sudo", "pkexec", "consent", "securityagent",
    }),
    "the lock screen": frozenset({
        "xscreensaver", "i3lock", "xsecurelock", "light-locker", "xlock", "slock", "kscreenlocker_greet",
        "lightdm-gtk-greeter", "logonui", "loginwindow", "gnome-screensaver",
    }),
    "security settings": frozenset({
        "gufw", "gufw.py", "firewall-config", "firewall-applet", "opensnitch-ui", "sechealthui",
        "users-admin",
        "system-config-users", "mate-user-admin", "apparmor-notify", "secpol",
    }),
}  # fmt: skip

FORBIDDEN_TITLES: Final = frozenset({
    "authenticate", "authentication required", "authentication is required", "unlock keyring",
    "unlock login keyring", "unlock private key", "user account control", "windows security",
    "privacy & security", "firewall configuration", "需要认证", "需要授权", "身份验证", "解锁密钥环",
    "解锁登录密钥环", "用户帐户控制", "用户账户控制", "windows 安全中心", "隐私与安全性",
})  # fmt: skip
"""Whole titles of dialogs whose window tells nothing else."""

TERMINALS: Final = frozenset({
    "xterm", "uxterm", "lxterm", "koi8rxterm", "gnome-terminal", "gnome-terminal-server", "konsole",
    "xfce4-terminal", "mate-terminal", "lxterminal", "qterminal", "terminator", "tilix", "alacritty", "kitty",
    "wezterm", "wezterm-gui", "foot", "footclient", "urxvt", "urxvtd", "rxvt", "rxvt-unicode", "st",
    "st-256color", "stterm", "eterm", "aterm", "mlterm", "guake", "yakuake", "tilda", "terminology",
    "cool-retro-term", "ghostty", "kgx", "console", "ptyxis", "blackbox", "deepin-terminal", "ukui-terminal",
    "hyper", "tabby", "warp", "warp-terminal", "contour", "rio", "sakura", "roxterm",
    "termite",
    "xfce-terminal", "terminal", "iterm2", "iterm", "windowsterminal", "cmd", "powershell", "powershell_ise",
    "pwsh", "conhost", "openconsole", "mintty", "putty",
})  # fmt: skip

RUN_DIALOGS: Final = frozenset({
    "gmrun", "dmenu", "rofi", "krunner", "xfrun4", "xfce4-appfinder", "lxqt-runner", "bemenu", "wofi",
    "fuzzel",
    "ulauncher", "albert", "synapse", "kupfer", "lxpanelctl", "xrun", "bashrun", "gnome-run-dialog",
})  # fmt: skip

INSTALLERS: Final = frozenset({
    "gdebi", "gdebi-gtk", "gnome-software", "plasma-discover", "synaptic", "pamac-manager", "pamac",
    "software-center", "update-manager", "software-properties-gtk", "gpk-install-local-file", "octopi",
    "yumex-dnf", "dnfdragora", "msiexec", "snap-store", "mintinstall", "mintupdate", "bauh",
    "qapt-deb-installer",
    "deepin-deb-installer", "kylin-installer", "ubuntu-software", "installer", "appcenter", "myrlyn",
    "rpmdrake",
})  # fmt: skip

SHELL_INSIDE: Final = frozenset({
    "code", "code-oss", "codium", "vscodium", "cursor", "emacs", "gvim", "jetbrains-idea",
    "jetbrains-pycharm",
    "jetbrains-clion", "jetbrains-webstorm", "jetbrains-studio", "zed", "kate", "dolphin", "geany", "eclipse",
})  # fmt: skip
"""Editors and file managers that have a terminal inside."""

BROWSERS: Final = frozenset({
    "firefox", "firefox-esr", "navigator", "google-chrome", "chrome", "chromium", "chromium-browser", "brave",
    "brave-browser", "microsoft-edge", "msedge", "opera", "vivaldi", "vivaldi-stable", "librewolf",
    "epiphany",
    "konqueror", "falkon", "safari", "zen", "tor browser", "midori", "qutebrowser",
})  # fmt: skip
"""Their titles are chosen by pages."""

MESSENGERS: Final = frozenset({
    "slack", "discord", "telegram", "telegramdesktop", "telegram-desktop", "signal", "signal-desktop",
    "wechat",
    "weixin", "qq", "element", "element-desktop", "skype", "teams", "teams-for-linux", "ms-teams", "whatsapp",
    "whatsapp-for-linux", "zapzap", "mattermost", "rocket.chat", "zulip", "pidgin", "gajim", "dino",
    "hexchat",
    "fractal", "nheko", "thunderbird-chat", "feishu", "lark", "dingtalk", "wecom", "wxwork", "viber", "line",
    "messages",
})  # fmt: skip
"""Where Enter sends."""

FILES_AND_MAIL: Final = frozenset({
    "nautilus", "org.gnome.nautilus", "thunar", "dolphin", "nemo", "caja", "pcmanfm", "pcmanfm-qt", "spacefm",
    "doublecmd", "krusader", "peony", "dde-file-manager", "explorer", "finder", "thunderbird", "evolution",
    "geary", "kmail", "kontact", "claws-mail", "sylpheed", "outlook", "mailspring", "betterbird",
})  # fmt: skip
"""Where the Delete key deletes what is selected."""
