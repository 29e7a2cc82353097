"""What lock and power buttons, and the windows that they stand in, are called. Data alone."""

from typing import Final

__all__ = ["ALSO_IN_APPS", "ALWAYS", "IN_SHELLS", "NO_BUTTON", "SESSION_TITLES", "SHELLS"]

ALWAYS: Final = frozenset({
    "shut down", "shutdown", "power off", "poweroff", "power down", "turn off computer",
    "turn off this computer", "turn off your computer", "turn off pc",
    "switch off computer",
    "reboot", "restart computer", "restart this computer", "restart your computer",
    "restart pc", "restart system", "restart and install", "hibernate",
    "lock the screen",
    "lock computer", "lock session", "lock workstation", "log off", "end session",
    "switch user", "log out of this computer", "log out of the session",
    "关机", "关闭计算机", "关闭电脑", "关闭系统", "关闭电源", "重启电脑", "重启计算机", "重启系统",
    "重新启动计算机", "重新启动电脑", "重启设备", "锁屏", "锁定屏幕", "锁定计算机", "锁定电脑", "锁定会话",
    "注销用户", "注销会话", "切换用户", "结束会话",
})  # fmt: skip
"""Means the machine or its session, whoever says it."""

ALSO_IN_APPS: Final = frozenset({
    "restart", "lock screen", "log out", "logout", "sign out", "suspend", "turn off",
    "switch off",
    "重启", "重新启动", "注销", "退出登录", "登出", "挂起", "休眠", "睡眠", "待机",
})  # fmt: skip
"""The whole label; in an application's window it may mean only the application."""

IN_SHELLS: Final = frozenset({
    "power", "lock", "sleep", "leave", "exit", "session", "电源", "锁定", "离开", "退出",
})  # fmt: skip
"""The whole label; only a panel, a dock or a start menu means the machine by it."""

SHELLS: Final = frozenset({
    "gnome-shell", "plasmashell", "xfce4-panel", "wrapper-2.0", "mate-panel", "lxpanel", "lxqt-panel",
    "cinnamon",
    "budgie-panel", "tint2", "polybar", "dde-dock", "dde-launcher", "ukui-panel", "ukui-menu", "xfdesktop",
    "pcmanfm-desktop", "whiskermenu", "xfce4-whiskermenu-plugin", "openbox", "fluxbox", "icewm", "jwm",
    "startmenuexperiencehost", "shellexperiencehost", "searchhost", "explorer", "systemuiserver", "dock",
    "controlcenter", "windowmanager",
})  # fmt: skip
"""Panels, docks and start menus."""

NO_BUTTON: Final = frozenset({
    "xfce4-session-logout", "lxsession-logout", "lxqt-leave", "mate-session-save", "gnome-session-quit",
    "ksmserver-logout-greeter", "cinnamon-session-quit", "wlogout", "oblogout", "clearine",
    "archlinux-logout",
    "dde-shutdown", "ukui-session-tools", "nwg-bar", "slidetoshutdown", "fvwm-logout",
})  # fmt: skip
"""Programs that show nothing but the choice to end the session."""

SESSION_TITLES: Final = frozenset({
    "log out", "log out of the session", "shut down", "shutdown", "power off", "restart", "end session",
    "leave",
    "logout", "log off", "lock screen", "shut down windows", "shut down the computer", "end the session",
    "power off the computer", "shut down this computer",
    "关机", "注销", "重启", "重新启动", "关闭计算机", "关闭 windows", "锁屏", "结束会话", "电源选项",
})  # fmt: skip
"""Whole titles of the dialogs that end the session."""
