"""What a store says when it refuses, in one line."""

from botocore.exceptions import NoCredentialsError, PartialCredentialsError

from lasaft_core.storage.uris import split_uri


def error_code(error: BaseException | None) -> str:
    """The store's own code for what went wrong, `NoSuchBucket` say; empty where there is none."""
    while error is not None:
        answer = getattr(error, "response", None)
        if isinstance(answer, dict):
            return str(answer.get("Error", {}).get("Code", ""))
        error = error.__cause__
    return ""


def told(error: Exception) -> str:
    """The first line of the store's words, with its code."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    code = error_code(error)
    return text if not code or code in text else f"{code} ({text})"


def remedy_for(uri: str, error: Exception) -> str:
    """What its user can do about it."""
    if isinstance(error, ImportError):
        return "install the fsspec package of this kind of URL"
    if isinstance(error, PermissionError | NoCredentialsError | PartialCredentialsError):
        return "check the credentials in the environment or profile and their rights"
    if isinstance(error, FileNotFoundError):
        return "check the name; the bucket or folder must exist"
    if split_uri(uri)[0] == "s3":
        return "check AWS_ENDPOINT_URL, the network and the credentials"
    return "check the path and its rights"
