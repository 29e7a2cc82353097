"""The interfaces of Wayland's protocols that this program uses: their requests and events, in order.

A message's arguments are a letter each: i and u are 32-bit integers, f a fixed-point number (24.8), s a
string, o an object, n a new object, a an array, h a file descriptor. Sources: https://wayland.app/protocols/.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["INTERFACES", "Interface"]


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface.

    Attributes:
        version: the newest version that this program speaks.
        requests: each request's number and the letters of its arguments, by its name.
        events: each event's name and the letters of its arguments, by its number.
    """

    version: int
    requests: dict[str, tuple[int, str]]
    events: tuple[tuple[str, str], ...]


def _interface(version: int, requests: str = "", events: str = "") -> Interface:
    """Read "name:letters name:letters"."""
    sent = [word.partition(":") for word in requests.split()]
    received = [word.partition(":") for word in events.split()]
    return Interface(
        version,
        {name: (number, letters) for number, (name, _, letters) in enumerate(sent)},
        tuple((name, letters) for name, _, letters in received),
    )


INTERFACES: Final = {
    "wl_display": _interface(1, "sync:n get_registry:n", "error:ous delete_id:u"),
    "wl_registry": _interface(1, "bind:usun", "global:usu global_remove:u"),
    "wl_callback": _interface(1, "", "done:u"),
    "wl_shm": _interface(1, "create_pool:nhi", "format:u"),
    "wl_shm_pool": _interface(1, "create_buffer:niiiiu destroy: resize:i"),
    "wl_buffer": _interface(1, "destroy:", "release:"),
    "wl_compositor": _interface(4, "create_surface:n create_region:n"),
    "wl_surface": _interface(
        4,
        "destroy: attach:oii damage:iiii frame:n set_opaque_region:o set_input_region:o commit: "
        "set_buffer_transform:i set_buffer_scale:i damage_buffer:iiii",
        "enter:o leave:o",
    ),
    "xdg_wm_base": _interface(1, "destroy: create_positioner:n get_xdg_surface:no pong:u", "ping:u"),
    "xdg_surface": _interface(
        1, "destroy: get_toplevel:n get_popup:noo set_window_geometry:iiii ack_configure:u", "configure:u"
    ),
    "xdg_toplevel": _interface(
        1,
        "destroy: set_parent:o set_title:s set_app_id:s show_window_menu:ouii move:ou resize:ouu "
        "set_max_size:ii set_min_size:ii set_maximized: unset_maximized: set_fullscreen:o "
        "unset_fullscreen: set_minimized:",
        "configure:iia close:",
    ),
    "wl_output": _interface(4, "release:", "geometry:iiiiissi mode:uiii done: scale:i name:s description:s"),
    "wl_seat": _interface(5, "get_pointer:n get_keyboard:n get_touch:n release:", "capabilities:u name:s"),
    "wl_pointer": _interface(
        5,
        "set_cursor:uoii release:",
        "enter:uoff leave:uo motion:uff button:uuuu axis:uuf frame: axis_source:u axis_stop:uu "
        "axis_discrete:ui",
    ),
    "wl_keyboard": _interface(
        5,
        "release:",
        "keymap:uhu enter:uoa leave:uo key:uuuu modifiers:uuuuu repeat_info:ii",
    ),
    "zxdg_output_manager_v1": _interface(3, "destroy: get_xdg_output:no"),
    "zxdg_output_v1": _interface(
        3, "destroy:", "logical_position:ii logical_size:ii done: name:s description:s"
    ),
    "zwlr_screencopy_manager_v1": _interface(3, "capture_output:nio capture_output_region:nioiiii destroy:"),
    "zwlr_screencopy_frame_v1": _interface(
        3,
        "copy:o destroy: copy_with_damage:o",
        "buffer:uuuu flags:u ready:uuu failed: damage:uuuu linux_dmabuf:uuu buffer_done:",
    ),
    "zwlr_virtual_pointer_manager_v1": _interface(
        2, "create_virtual_pointer:on destroy: create_virtual_pointer_with_output:oon"
    ),
    "zwlr_virtual_pointer_v1": _interface(
        2,
        "motion:uff motion_absolute:uuuuu button:uuu axis:uuf frame: axis_source:u axis_stop:uu "
        "axis_discrete:uufi destroy:",
    ),
    "zwp_virtual_keyboard_manager_v1": _interface(1, "create_virtual_keyboard:on"),
    "zwp_virtual_keyboard_v1": _interface(1, "keymap:uhu key:uuu modifiers:uuuu destroy:"),
}
"""By their names."""
