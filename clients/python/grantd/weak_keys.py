"""Public keys that are well formed and still prove nothing: why, or None."""

from __future__ import annotations

from typing import Final

_ED25519_PRIME: Final = 2**255 - 19
_ORDER_8: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022
# The y coordinates of the eight points of small order: under such a key one signature
# can be made to fit any message.
_SMALL_ORDER: Final = frozenset({0, 1, _ED25519_PRIME - 1, _ORDER_8, _ED25519_PRIME - _ORDER_8})

_ROCA_PRIMES: Final = (
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
    109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
)  # fmt: skip
# The faulty generator makes primes that are powers of 65537 modulo each of these, and
# so is their product; a sound modulus is one with a chance below 2**-150.
_ROCA_RESIDUES: Final = {
    prime: frozenset(pow(65537, exponent, prime) for exponent in range(prime - 1)) for prime in _ROCA_PRIMES
}


def weak_rsa(n: int, e: int) -> str | None:
    """Why an RSA key of modulus `n` and exponent `e` is not used (RFC 7518 section 3.3)."""
    if not 2048 <= n.bit_length() <= 8192:
        return "RSA modulus outside 2048 to 8192 bits"
    # A small exponent invites forgeries, a large one makes each verification slow.
    if e < 65537 or not e % 2 or e.bit_length() > 32:
        return "RSA exponent is even, below 65537 or above 32 bits"
    if all(n % prime in residues for prime, residues in _ROCA_RESIDUES.items()):
        return "RSA modulus of a faulty generator (ROCA, CVE-2017-15361)"
    return None


def weak_ed25519(raw: bytes) -> str | None:
    """Why an encoded Ed25519 point is not used."""
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if len(raw) != 32 or y >= _ED25519_PRIME or y in _SMALL_ORDER:
        return "not a point of the large Ed25519 group"
    return None
