"""The vault: what is sealed opens for those who may, and only whole, in its place."""

import secrets
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import vault
from storage.vault import ALPHABET, PADDED, PIECE, Unopened

CASE, PART = "c" * 32, "p" * 32


@pytest.fixture(scope="module")
def pair() -> vault.KeyPair:
    return vault.key_pair()


def test_a_case_opens_for_each_receiver_and_for_the_access_key() -> None:
    access_key, receivers = vault.new_access_key(), {1: vault.key_pair(), 2: vault.key_pair()}
    new = vault.new_case(access_key, {id: pair.public for id, pair in receivers.items()})
    private = {vault.unwrap(new.wraps[id], pair.private) for id, pair in receivers.items()}
    derived = vault.derive(access_key, new.salt)
    assert vault.same(derived.verifier, new.verifier)
    assert private == {vault.unwrap_own(new.own_wrap, derived.kek, new.id)}
    assert {len(wrapped) for wrapped in new.wraps.values()} == {80}
    assert len(new.own_wrap) == 72


def test_nobody_else_opens_it(pair: vault.KeyPair) -> None:
    new = vault.new_case(vault.new_access_key(), {1: pair.public})
    other = vault.new_case(vault.new_access_key(), {1: pair.public})
    with pytest.raises(Unopened):
        vault.unwrap(new.wraps[1], vault.key_pair().private)
    wrong = vault.derive(vault.new_access_key(), new.salt)
    assert not vault.same(wrong.verifier, new.verifier)
    for own, case in ((new.own_wrap, new.id), (other.own_wrap, new.id), (b"", new.id)):
        with pytest.raises(Unopened):
            vault.unwrap_own(own, wrong.kek, case)


@given(st.text(ALPHABET, min_size=15, max_size=15))
def test_an_access_key_is_read_however_it_is_typed(drawn: str) -> None:
    key = vault.shown_key(drawn + vault._check_letter(drawn))
    typed = key.lower().replace("0", "o").replace("1", "l").replace("-", "  ")
    assert vault.read_access_key(typed) == vault.read_access_key(key.replace("1", "I")) == key


@given(st.integers(0, 15), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_found(place: int, letter: str) -> None:
    key = vault.new_access_key().replace("-", "")
    wrong = key[:place] + letter + key[place + 1 :]
    assert (vault.read_access_key(wrong) is None) == (wrong != key)


@pytest.mark.parametrize("typed", ["", "A", "ABCD-EFG", "U" * 16, "á" * 16, "\0" * 16, "0" * 400])
def test_what_cannot_be_a_key_or_a_locator_is_none(typed: str) -> None:
    assert vault.read_access_key(typed) is None
    assert vault.read_locator(typed) is None


@settings(max_examples=30)
@given(st.binary(max_size=3000))
def test_a_part_comes_back_and_its_length_tells_little(plain: bytes) -> None:
    pair = vault.key_pair()
    sealed = vault.seal(pair.public, CASE, PART, "told", plain)
    assert vault.unseal(pair.private, CASE, PART, "told", sealed) == plain
    assert (len(sealed) - vault.SEALED_KEY - 24 - 16) % PADDED == 0
    assert plain not in sealed or len(plain) < 3


def spoilt(sealed: bytes) -> list[bytes]:
    """A sealed thing that was changed, cut, or made longer."""
    flipped = [sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :] for n in (0, 40, 79, 80, len(sealed) - 1)]
    return [*flipped, b"", sealed[:10], sealed[:-1], sealed + b"\0", sealed + sealed]


def test_a_part_opens_whole_in_its_place_or_not_at_all(pair: vault.KeyPair) -> None:
    sealed = vault.seal(pair.public, CASE, PART, "told", b"text")
    wrong = [(CASE, PART, "reply"), ("d" * 32, PART, "told"), (CASE, "q" * 32, "told")]
    for case, part, kind in wrong:
        with pytest.raises(Unopened):
            vault.unseal(pair.private, case, part, kind, sealed)
    for blob in spoilt(sealed):
        with pytest.raises(Unopened):
            vault.unseal(pair.private, CASE, PART, "told", blob)
    with pytest.raises(Unopened):
        vault.unseal(vault.key_pair().private, CASE, PART, "told", sealed)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE])
def test_a_file_opens_whole_or_not_at_all(pair: vault.KeyPair, size: int) -> None:
    body = secrets.token_bytes(size)
    sealed = vault.seal_file(pair.public, CASE, PART, body)
    assert vault.unseal_file(pair.private, CASE, PART, sealed) == body
    piece = PIECE + 17
    for blob in (*spoilt(sealed), sealed[:-piece], sealed[:-piece] + sealed[-piece:][::-1]):
        with pytest.raises(Unopened):
            vault.unseal_file(pair.private, CASE, PART, blob)
    with pytest.raises(Unopened):
        vault.unseal_file(pair.private, "d" * 32, PART, sealed)


def test_a_receivers_key_opens_by_passphrase_and_by_recovery_code(pair: vault.KeyPair) -> None:
    recovery = vault.new_recovery()
    locked = vault.lock(pair, "una frase larga", recovery)
    assert vault.unlock(locked, "una frase larga") == pair.private
    assert vault.recover(locked, vault.read_recovery(recovery.lower()) or "") == pair.private
    attempts: list[Callable[[], bytes]] = [
        lambda: vault.unlock(locked, "otra frase"),
        lambda: vault.recover(locked, vault.new_recovery()),
        lambda: vault.unlock(locked, recovery),
    ]
    for attempt in attempts:
        with pytest.raises(Unopened):
            attempt()


def test_a_key_in_use_opens_with_the_browsers_token_alone(pair: vault.KeyPair) -> None:
    token = secrets.token_bytes(32)
    enclosed = vault.enclose(pair.private, token)
    assert vault.disclose(enclosed, token) == pair.private
    with pytest.raises(Unopened):
        vault.disclose(enclosed, secrets.token_bytes(32))
