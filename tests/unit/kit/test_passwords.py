"""Passwords are hashed a few at a time, and whoever finds no slot is sent away at once."""

from concurrent.futures import ThreadPoolExecutor

from app.kit import passwords


def test_the_right_one_is_right_and_nobody_has_none() -> None:
    kept = passwords.hashed("four unlikely words together")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.is_right("four unlikely words together", kept)
    assert not passwords.is_right("four unlikely words togethes", kept)
    assert not passwords.is_right("four unlikely words together", None)
    assert not passwords.is_right("\ud800", kept)
    assert not passwords.is_right("x", "no hash")
    assert not passwords.is_outdated(kept)


def test_of_very_many_some_are_sent_away_and_the_others_answered() -> None:
    def one(_number: int) -> bool:
        try:
            passwords.is_right("x", None)
        except passwords.Busy:
            return False
        return True

    with ThreadPoolExecutor(40) as pool:
        looked_at = sum(pool.map(one, range(60)))
    assert looked_at >= passwords.AT_ONCE + passwords.WAITING
    assert passwords.is_right("x", None) is False, "all slots are free again"
