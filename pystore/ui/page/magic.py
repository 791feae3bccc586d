"""Magic bytes: the kinds of pictures that a browser may show, told by their first bytes.

YM1  Nothing but PNG, JPEG, GIF and WebP is a picture: never SVG, which is a program.
"""

LENGTH = 12  # [bytes] that tell


def picture_type(head: bytes) -> str | None:
    """The media type of a picture that begins so; None for anything else."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None
