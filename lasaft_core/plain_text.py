"""Names and messages from outside as text that can do no harm where people read it.

An object's key may hold line breaks, which forge log lines, escape sequences, which steer a
terminal, and marks that turn the reading direction.
"""


def one_line(text: object) -> str:
    """Control characters and undecodable bytes, as in a hostile file name, become escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )
