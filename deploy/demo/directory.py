"""The company's sign-in: writes canaille's configuration, starts it, signs people in.

The sign-in is what a browser does: the authorization code flow with PKCE (RFC 7636)
through canaille's own pages, by hand because nobody sits in front of the demo.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.demo.processes import Program, accepts
from deploy.demo.unverified import claims_of

_SERVER = Path(__file__).with_name("directory_server.py")
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_SCOPE = "openid profile email groups"


class SignInError(Exception):
    """The provider did not let the person in."""


@dataclass(frozen=True)
class Person:
    """Somebody who works at the company."""

    user_name: str
    name: str
    groups: tuple[str, ...]
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)

    @property
    def email(self) -> str:
        """The address the directory knows."""
        return f"{self.user_name}@example.com"


class Directory:
    """One canaille on one loopback port, its people and its one client."""

    def __init__(self, port: int, people: tuple[Person, ...], client_id: str, client_secret: str) -> None:
        self.port = port
        self.issuer = f"http://127.0.0.1:{port}"
        self.people = people
        self.client_id = client_id
        self.redirect_uri = "http://127.0.0.1/demo/callback"
        self._client_secret = client_secret

    def start(self, python: Path, folder: Path) -> Program:
        """Writes the configuration into `folder` and starts canaille with its `python`."""
        config = folder / "directory.json"
        config.touch(mode=0o600)
        config.write_text(json.dumps(self._config(folder)))
        return Program("canaille", [str(python), str(_SERVER), str(config)], folder / "directory.log")

    def is_up(self) -> bool:
        """True when it answers."""
        return accepts(self.port)

    def sign_in(self, person: Person) -> str:
        """Signs the person in at the provider's pages. Returns the ID token."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        state, nonce = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": _SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        with httpx2.Client(trust_env=False, timeout=10) as browser:
            answer = self._follow(browser, browser.get(f"{self.issuer}/oauth/authorize?{urlencode(query)}"))
            answer = self._submit(browser, answer, login=person.user_name)
            answer = self._submit(browser, answer, password=person.password)
            returned = parse_qs(urlsplit(answer.headers.get("location", "")).query)
            if returned.get("state") != [state] or "code" not in returned:
                raise SignInError(f"{person.user_name} was not signed in")
            id_token = self._redeem_code(browser, returned["code"][0], verifier)
        if claims_of(id_token).get("nonce") != nonce:
            raise SignInError("the ID token is not the answer to this request")
        return id_token

    def _follow(self, browser: httpx2.Client, answer: httpx2.Response) -> httpx2.Response:
        """Follows redirects inside the provider; the one to the client ends the walk."""
        while answer.is_redirect and not answer.headers["location"].startswith(self.redirect_uri):
            answer = browser.get(urljoin(str(answer.url), answer.headers["location"]))
        return answer

    def _submit(self, browser: httpx2.Client, page: httpx2.Response, **fields: str) -> httpx2.Response:
        """Fills in the form of a page and sends it."""
        token = _CSRF.search(page.text)
        if token is None:
            raise SignInError(f"no form at {page.url.path}: HTTP {page.status_code}")
        return self._follow(browser, browser.post(page.url, data={"csrf_token": token[1], **fields}))

    def _redeem_code(self, browser: httpx2.Client, code: str, verifier: str) -> str:
        answer = browser.post(
            f"{self.issuer}/oauth/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": verifier,
            },
            auth=(self.client_id, self._client_secret),
        )
        if answer.status_code != httpx2.codes.OK:
            raise SignInError(f"the provider did not take the code: HTTP {answer.status_code}")
        id_token: str = answer.json()["id_token"]
        return id_token

    def _config(self, folder: Path) -> dict[str, object]:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "port": self.port,
            "canaille": {
                "SECRET_KEY": secrets.token_urlsafe(32),
                "SERVER_NAME": f"127.0.0.1:{self.port}",
                "PREFERRED_URL_SCHEME": "http",
                "CANAILLE": {"NAME": "Example Corp", "DATABASE": "sql", "SMTP": None, "LOGGING": {"version": 1}},
                "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{folder / 'directory.db'}"},
                "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.decode()], "TRUSTED_DOMAINS": ["127.0.0.1"]},
            },
            "people": [
                {
                    "user_name": person.user_name,
                    "name": person.name,
                    "email": person.email,
                    "password": person.password,
                    "groups": person.groups,
                }
                for person in self.people
            ],
            "client": {
                "client_id": self.client_id,
                "client_secret": self._client_secret,
                "client_name": "Desk Assistant",
                "client_uri": "http://127.0.0.1",
                "redirect_uris": [self.redirect_uri],
                "token_endpoint_auth_method": "client_secret_basic",
                "grant_types": ["authorization_code"],
                "response_types": ["code"],
                "id_token_signed_response_alg": "RS256",
                "scope": _SCOPE.split(),
            },
        }
