"""The rehearsal's chance: the same for the same, and independent from one call to the next."""

from app.backends.rehearsal import Script


def test_calls_that_follow_each_other_have_independent_chances() -> None:
    script = Script(seed=34)
    below = [[script.chance(1, "upload", number, turn) < 0.1 for turn in range(10)] for number in range(400)]
    both = sum(row[0] and row[4] for row in below)
    assert 0.06 < sum(map(sum, below)) / 4000 < 0.14
    assert both < 20, "of 400 pairs about four; where the second follows from the first, about forty"
    assert script.chance(1, "upload", 2, 3) == Script(seed=34).chance(1, "upload", 2, 3)
    assert script.chance(1, "upload", 2, 3) != Script(seed=35).chance(1, "upload", 2, 3)
