"""The errors of services, as errors of pystore without secrets."""

from ...core.errors import BadPlace, FetchError
from ..rights import owner_of
from .address import shown_address, without_secrets

EXTRAS = {"s3": "s3", "s3a": "s3", "http": "http", "https": "http", "sftp": "sftp", "ssh": "sftp"}
_PACKAGES = {"s3": "s3fs", "http": "aiohttp", "sftp": "paramiko"}
_MISTAKES = ("ParamValidationError",)  # of botocore, where a mistake has no class of its own


def as_our_error(url: str, error: Exception) -> Exception:
    """The error of a service as a BadPlace or FetchError; a FileNotFoundError stays as it is."""
    if isinstance(error, (FileNotFoundError, BadPlace, FetchError)):
        return error
    if isinstance(error, (TypeError, ValueError)) or type(error).__name__ in _MISTAKES:
        return not_usable(url, error)
    because = without_secrets(f"{type(error).__name__}: {error}", url)[:300]
    if isinstance(error, PermissionError) or getattr(error, "status", 0) in (401, 403):
        path = getattr(error, "filename", None)  # known for a folder of this machine
        return BadPlace(
            "no permission",
            url=shown_address(url),
            because=because,
            owner=None if path is None else owner_of(path),
            remedy="use credentials that may read here, and write here to push",
        )
    return FetchError(
        "the remote cannot be used",
        url=shown_address(url),
        because=because,
        remedy="check the URL, the network and the service; a retry sends only what is missing",
    )


def not_usable(url: str, error: Exception) -> BadPlace:
    """The error for a URL or options that fsspec cannot use."""
    return BadPlace(
        "no place that pystore can use",
        url=shown_address(url),
        because=without_secrets(str(error), url)[:200],
        remedy="name a path, or a URL with s3://, sftp://, http(s):// or memory://, and options "
        "that fsspec knows for it",
    )


def not_installed(url: str, scheme: str, error: ImportError) -> BadPlace:
    """The error for a URL whose package is not installed."""
    extra = EXTRAS.get(scheme)
    return BadPlace(
        f"{scheme}:// needs a package that is not installed",
        url=shown_address(url),
        because=without_secrets(str(error), url)[:200],
        remedy=f"pip install {_PACKAGES[extra]}" if extra else "install it with pip",
    )
