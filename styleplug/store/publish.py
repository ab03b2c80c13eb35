"""Send the finished files of a training result to the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from styleplug.core.errors import HubUnavailable, UsageError
from styleplug.store import hub
from styleplug.store.files import Digests
from styleplug.store.trained import MODEL, read_trained
from styleplug.system.extras import require

FILES = (MODEL, "README.md", "sample.png")
GRAPHS = "graphs/*.onnx"
_REPO = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*", re.ASCII)


def publishable(folder: Path) -> dict[str, Path]:
    """The files to send: path in the repository -> file.

    Raises:
        UsageError: the folder contains no result.
        WeightError: the weights do not have the digest in `model.toml`.
    """
    trained = read_trained(folder)
    Digests().expect(trained.path, trained.model.sha256, "train again, or put the right file back")
    files = [trained.path, *(trained.folder / name for name in FILES)]
    files += sorted(trained.folder.glob(GRAPHS))
    return {
        file.relative_to(trained.folder).as_posix(): file
        for file in files
        if file.is_file() and not file.is_symlink()
    }


def publish(folder: Path, repo: str, *, private: bool = False, message: str = "") -> str:
    """Send a result to a repository, which is created if there is none.

    Args:
        repo: "owner/name", or "name" for one of your own.
        private: whether a new repository is private.
        message: of the commit.

    Returns:
        The address of the repository.

    Raises:
        UsageError: `repo` is not a repository name, there is no token, or no huggingface_hub.
        WeightError: the folder contains no result, or a damaged one.
        HubUnavailable: the Hub cannot be reached, or refuses.
    """
    check(repo)
    files = publishable(folder)
    return send(files, repo, private, message or "Add weights trained with styleplug")


def send(
    files: Mapping[str, Path | bytes],
    repo: str,
    private: bool,
    message: str,
    *,
    hardware: str = "",
) -> str:
    """Send files to a repository, which is created if there is none.

    Args:
        files: path in the repository -> file or its content.
        repo: as for `publish`.
        private: as for `publish`.
        message: of the commit.
        hardware: of a new Gradio Space; "" if the repository is none.

    Returns:
        The address of the repository.

    Raises:
        UsageError: `repo` is not a repository name, there is no token, or no huggingface_hub.
        HubUnavailable: the Hub cannot be reached, or refuses.
    """
    check(repo)
    from huggingface_hub import CommitOperationAdd, HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if hub.offline():
        raise hub.Offline("nothing was published, as HF_HUB_OFFLINE is set: unset it to publish")
    if not (token := get_token()):
        raise UsageError(
            "the Hub wants to know who publishes: run `hf auth login`, or set HF_TOKEN to a token "
            "that may write (huggingface.co/settings/tokens)"
        )
    disable_progress_bars()  # the command shows its own
    api = HfApi(endpoint=hub.endpoint(), token=token, library_name="styleplug")
    try:
        kind: dict[str, Any] = {"repo_type": "space"} if hardware else {}
        new = kind and {**kind, "space_sdk": "gradio", "space_hardware": hardware}
        made = api.create_repo(repo, private=private, exist_ok=True, **new)
        api.create_commit(
            made.repo_id,
            [CommitOperationAdd(name, file) for name, file in files.items()],
            commit_message=message,
            **kind,
        )
    except HfHubHTTPError as error:
        raise hub.Refused(_refusal(repo, error.response.status_code)) from error
    except Exception as error:  # the client does not convert errors of its libraries
        raise HubUnavailable(
            f"{repo} could not be published ({type(error).__name__}: {error}): "
            "try again once the Hub can be reached"
        ) from error
    return str(made)


def check(repo: str) -> None:
    """Check the name of a repository, and that the client of the Hub is installed.

    Raises:
        UsageError: it is no such name, or there is no huggingface_hub.
    """
    require("hub", "publishing")
    if not _REPO.fullmatch(repo):
        raise UsageError(f"{repo[:80]!r} is not the name of a repository; expected OWNER/NAME")


def _refusal(repo: str, status: int) -> str:
    """Explain the refusal to the owner of the token."""
    why = {
        401: "it does not know this token: run `hf auth login` again",
        403: "this token may not write there: make one that may, or name a repository of your own",
        404: "there is no such owner, or this token may not write there",
        413: "the files are too large",
        429: "too much was asked of it: try again later",
    }.get(status, "try again later")
    return f"the Hub refused {repo} (status {status}): {why}"
