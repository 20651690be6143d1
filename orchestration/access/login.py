"""Whether a login is set up, and that nothing open is served beyond this machine."""

import ipaddress
import os
import tomllib
from pathlib import Path

from connectors.errors import InputError
from connectors.settings import Settings

LOGIN_NAME = "login.toml"
_NEEDED = ("redirect_uri", "cookie_secret")
_PROVIDER = ("client_id", "client_secret", "server_metadata_url")
_OTHERS = 0o077
_SHORTEST_SECRET = 32


def login_file(settings: Settings) -> Path | None:
    """`login.toml` beside fourflow.yml or in home, checked; None when no login is set up.

    It is a secrets file of Streamlit with the section `[auth]`.

    Raises:
        InputError: others can read it, or it lacks what a login needs.
    """
    path = settings.beside_configuration(LOGIN_NAME)
    if path is None:
        return None
    if os.name == "posix" and path.stat().st_mode & _OTHERS:
        raise InputError(f"Others can read the secrets in {path}; run `chmod 600 {path}`.")
    try:
        auth = tomllib.loads(path.read_text(encoding="utf-8")).get("auth")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is not valid TOML ({error}); correct it.") from error
    auth = auth if isinstance(auth, dict) else {}
    missing = [key for key in (*_NEEDED, *_PROVIDER) if not isinstance(auth.get(key), str)]
    if missing:
        raise InputError(
            f"{path} lacks {', '.join(missing)} under [auth]; docs/access.md shows a whole one."
        )
    if len(auth["cookie_secret"]) < _SHORTEST_SECRET:
        raise InputError(
            f"cookie_secret in {path} is shorter than {_SHORTEST_SECRET} characters; make one "
            "with `openssl rand -hex 32`."
        )
    return path


def refuse_open_elsewhere(settings: Settings, host: str) -> None:
    """Without a login, dashboards are served to this machine only.

    Raises:
        InputError: `host` is reached from other machines and no login is set up.
    """
    if not is_this_machine(host) and login_file(settings) is None:
        raise InputError(
            f"Without a login the dashboards are served on 127.0.0.1 only, not on {host}; set up "
            f"{settings.root / LOGIN_NAME} as docs/access.md says."
        )


def is_this_machine(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
