from tests.first_hour.at_baseline import FOLDER, NUMBER, NUMBERS


def test_every_fault_has_a_test() -> None:
    files = [file.read_text(encoding="utf-8") for file in FOLDER.glob("test_*.py")]
    shown = {int(each) for text in files for each in NUMBER.findall(text)}
    assert shown == NUMBERS
