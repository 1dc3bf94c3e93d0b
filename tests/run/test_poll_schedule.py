"""Each place is looked at in its own time: sooner while something settles, later while it fails."""

from __future__ import annotations

from pipeline.run.poll_schedule import BUSY_FOLDER_PAUSE_S, PollSchedule


def test_the_first_look_is_at_once() -> None:
    assert PollSchedule(60).at < 0


def test_after_a_look_the_next_comes_an_interval_later_or_when_a_file_may_have_settled() -> None:
    turn = PollSchedule(60)
    turn.done(1000.0)
    assert turn.at == 1060
    turn.done(1000.0, again_in_s=2.5)
    assert turn.at == 1002.5
    turn.done(1000.0, again_in_s=3600)
    assert turn.at == 1060, "a clock that was set back must not stop the looking"


def test_a_failure_is_tried_again_after_one_second_then_two_then_four_and_so_on_to_a_bound() -> None:
    turn, waits = PollSchedule(5), []
    for _ in range(9):
        turn.failed(1000.0, longest_s=60)
        waits.append(turn.at - 1000)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_success_forgets_the_failures() -> None:
    turn = PollSchedule(5)
    for _ in range(1000):
        turn.failed(1000.0, longest_s=900)
    turn.done(2000.0)
    turn.failed(2000.0, longest_s=900)
    assert turn.at == 2001


def test_a_change_calls_at_once_but_not_without_a_pause_and_not_out_of_a_back_off() -> None:
    turn = PollSchedule(60)
    turn.done(1000.0)
    turn.called(1030.0)
    assert turn.at == 1030
    turn.done(1030.0)
    turn.called(1030.1)
    assert turn.at == 1030 + BUSY_FOLDER_PAUSE_S
    turn.failed(1030.0, longest_s=60)
    turn.called(1030.1)
    assert turn.at == 1031


def test_a_change_never_puts_a_look_off() -> None:
    turn = PollSchedule(60)
    turn.done(1000.0, again_in_s=1)
    turn.called(1010.0)
    assert turn.at == 1001
