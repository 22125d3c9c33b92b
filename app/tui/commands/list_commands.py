"""Moving in a list. The list widget binds these keys itself; here they are told."""

from app.tui.commands.command import Command, CommandGroup

_LIST = CommandGroup.LIST
COMMANDS: tuple[Command, ...] = (
    Command("list.up", _LIST, "up,k", "move(-1)", "Up", "One row up."),
    Command("list.down", _LIST, "down,j", "move(1)", "Down", "One row down."),
    Command("list.page_up", _LIST, "pageup", "page(-1)", "Page up", "One page up."),
    Command("list.page_down", _LIST, "pagedown", "page(1)", "Page down", "One page down."),
    Command("list.first", _LIST, "g,home", "top", "First row", "Go to the first row."),
    Command("list.last", _LIST, "G,end", "bottom", "Last row", "Go to the last row."),
    Command("list.open", _LIST, "enter", "open", "Open", "Everything about the row under the cursor."),
)
