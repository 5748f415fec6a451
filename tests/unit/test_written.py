"""How much was written between two looks."""

from fairlead.database.written import Written, in_words


def test_only_tables_that_were_written_to_are_counted() -> None:
    earlier, later = Written("", {"a": 3, "b": 5}), Written("", {"a": 3, "b": 7, "c": 1})
    assert earlier.until(later) == {"b": 2, "c": 1}


def test_a_table_that_is_gone_or_was_made_anew_counts_for_nothing() -> None:
    assert Written("", {"a": 3, "b": 5}).until(Written("", {"b": 1})) == {}


def test_counters_that_began_anew_tell_nothing() -> None:
    assert Written("monday", {"a": 3}).until(Written("tuesday", {"a": 4})) is None


def test_in_words_the_most_written_come_first_and_not_all_of_them() -> None:
    assert in_words({"b": 2, "a": 2, "c": 9}) == "c 9, a 2, b 2"
    many = in_words({f"t{at:02}": 100 - at for at in range(12)})
    assert many.endswith("t09 91 and 2 other tables")
