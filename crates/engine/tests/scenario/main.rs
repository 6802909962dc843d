//! Runs told as stories: a graph, what happens to it, and all that the engine does about it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod play;
mod settle;

use insta::assert_snapshot;
use play::play;
use settle::settle;

#[test]
fn a_chain_runs_link_by_link() {
    assert_snapshot!(play("a; b <- a; c <- b", "
        begin
        5ms started a
        9ms ok a
        12ms ok b
        20ms ok c
    "), @r"
    begin         → dispatch a.1 then b then c
    5ms started a
    9ms ok a      → dispatch b.1 then c
    12ms ok b     → dispatch c.1
    20ms ok c     → finish
    = a completed, b completed, c completed
    ");
}

#[test]
fn a_worker_goes_on_with_what_needs_nothing_else_and_nobody_else_is_offered_it() {
    assert_snapshot!(play("a; b <- a; c <- a; d <- b c; e <- d", "
        begin
        5ms ok a then b c d e
        6ms ok b then c d e
        7ms ok c then d e
        8ms ok d then e
        9ms ok e
    "), @r"
    begin                 → dispatch a.1 then b then c then d then e
    5ms ok a then b c d e
    6ms ok b then c d e
    7ms ok c then d e
    8ms ok d then e
    9ms ok e              → finish
    = a completed, b completed, c completed, d completed, e completed
    ");
}

#[test]
fn what_a_worker_does_not_go_on_with_is_for_anybody() {
    assert_snapshot!(play("a; b <- a; c <- a; d <- b c", "
        begin
        5ms ok a then b c d
        25ms started b
        40ms ok b
        50ms ok c
        60ms ok d
    "), @r"
    begin               → dispatch a.1 then b then c then d
    5ms ok a then b c d
    25ms started b      → dispatch c.1
    40ms ok b
    50ms ok c           → dispatch d.1
    60ms ok d           → finish
    = a completed, b completed, c completed, d completed
    ");
    assert_snapshot!(play("a; b <- a; c <- a retries 1; d <- b c", "
        begin
        5ms ok a then b c d
        6ms ok b then c d
        7ms returned c
        8ms ok c then d
        9ms ok d
    "), @r"
    begin               → dispatch a.1 then b then c then d
    5ms ok a then b c d
    6ms ok b then c d
    7ms returned c      → dispatch c.2
    8ms ok c then d
    9ms ok d            → finish
    = a completed, b completed, c completed, d completed
    ");
}

#[test]
fn what_would_wait_for_the_window_goes_along_and_is_let_go_when_that_takes_long() {
    assert_snapshot!(play("window 2; a; b; c; d; e; f; g", "
        begin
        1ms ok a then b c d
        20ms started b
        30ms ok b
        31ms ok c then d e f
        32ms ok d then e f
        33ms ok e then f
        34ms ok f
        35ms ok g
    "), @r"
    begin                → dispatch a.1 then b then c then d then e then f, dispatch g.1
    1ms ok a then b c d
    20ms started b
    30ms ok b            → dispatch c.1 then d then e then f
    31ms ok c then d e f
    32ms ok d then e f
    33ms ok e then f
    34ms ok f
    35ms ok g            → finish
    = a completed, b completed, c completed, d completed, e completed, f completed, g completed
    ");
}

#[test]
fn whoever_takes_over_knows_what_is_under_way() {
    assert_snapshot!(play("window 2; a; b; c; d; e", "
        again a 1 ok
        offered b then c d
        5ms begin
        6ms ok b then c d
        7ms ok c
        8ms ok d
        9ms ok e
    "), @r"
    again a 1 ok
    offered b then c d
    5ms begin          → dispatch e.1
    6ms ok b then c d
    7ms ok c           → dispatch d.1
    8ms ok d
    9ms ok e           → finish
    = a completed, b completed, c completed, d completed, e completed
    ");
}

#[test]
fn whoever_takes_over_offers_what_its_worker_was_to_go_on_with_if_that_is_gone() {
    assert_snapshot!(play("a; b <- a; c <- b", "
        1ms ok a then b c
        offered a then b c
        5ms begin
        6ms ok b then c
    "), @r"
    1ms ok a then b c
    offered a then b c
    5ms begin
    6ms ok b then c
    = a completed, b completed, c offered
    ");
    assert_snapshot!(play("a; b <- a; c <- b", "
        1ms ok a then b c
        5ms begin
        6ms ok b then c
    "), @r"
    1ms ok a then b c
    5ms begin         → dispatch b.1 then c
    6ms ok b then c
    = a completed, b completed, c offered
    ");
}

#[test]
fn what_was_let_go_goes_along_with_another_once() {
    assert_snapshot!(play("window 1; a; b; c; d", "
        1ms ok a then b c
        5ms begin
        6ms ok b then c d
    "), @r"
    1ms ok a then b c
    5ms begin         → dispatch b.1 then c then d
    6ms ok b then c d
    = a completed, b completed, c offered, d carried
    ");
}

#[test]
fn what_another_has_decided_is_not_waited_for() {
    assert_snapshot!(play("a; b <- a; c <- b; d <- c", "
        begin
        5ms ok a then b c d
        6ms again c 1 ok
        7ms ok b then c d
        8ms ok d
    "), @r"
    begin               → dispatch a.1 then b then c then d
    5ms ok a then b c d
    6ms again c 1 ok
    7ms ok b then c d   → dispatch d.1
    8ms ok d            → finish
    = a completed, b completed, c completed, d completed
    ");
}

#[test]
fn a_failed_attempt_waits_and_tries_again() {
    assert_snapshot!(play("a retries 1", "
        begin
        10ms fail a
        tick
        900ms ok a
    "), @r"
    begin       → dispatch a.1
    10ms fail a
    430ms tick  → dispatch a.2
    900ms ok a  → finish
    = a completed
    ");
}

#[test]
fn a_failure_that_is_not_worth_another_try_is_final() {
    assert_snapshot!(play("a retries 5", "
        begin
        10ms fatal a
    "), @r"
    begin        → dispatch a.1
    10ms fatal a → finish
    = a failed
    ");
}

#[test]
fn a_failed_task_cancels_all_that_needed_it_and_nothing_else() {
    assert_snapshot!(play("a; b <- a; c <- b; x; y <- x", "
        begin
        10ms fail a
        20ms ok x
        30ms ok y
    "), @r"
    begin       → dispatch a.1 then b then c, dispatch x.1 then y
    10ms fail a
    20ms ok x   → dispatch y.1
    30ms ok y   → finish
    = a failed, b cancelled by a, c cancelled by a, x completed, y completed
    ");
}

#[test]
fn a_timeout_is_charged_like_a_failure() {
    assert_snapshot!(play("a retries 1", "
        begin
        10ms timeout a
        tick
        2s timeout a
    "), @r"
    begin            → dispatch a.1
    10ms timeout a
    430ms tick       → dispatch a.2
    2000ms timeout a → finish
    = a timeout
    ");
}

#[test]
fn a_worker_that_never_reports_is_answered_for() {
    assert_snapshot!(play("a", "
        begin
        10ms started a 1000
        tick
        16020ms timeout a
    "), @r"
    begin               → dispatch a.1
    10ms started a 1000
    16010ms tick        → seal a.1 timeout, stop a.1
    16020ms timeout a   → finish
    = a timeout
    ");
}

#[test]
fn an_attempt_handed_back_costs_nothing_and_one_that_kills_its_workers_is_over() {
    assert_snapshot!(play("a retries 0", "
        begin
        1s returned a
        2s returned a
        3s returned a
        4s lost a
    "), @r"
    begin             → dispatch a.1
    1000ms returned a → dispatch a.2
    2000ms returned a → dispatch a.3
    3000ms returned a → dispatch a.4
    4000ms lost a     → finish
    = a failed
    ");
}

#[test]
fn cancelling_stops_what_runs_and_forgets_the_rest() {
    assert_snapshot!(play("a; b; c <- a", "
        begin
        5ms started a
        10ms cancel
        11ms cancelled b
        12ms cancelled a
    "), @r"
    begin            → dispatch a.1 then c, dispatch b.1
    5ms started a
    10ms cancel      → stop a.1, seal b.1 cancelled, stop b.1
    11ms cancelled b
    12ms cancelled a → finish
    = a cancelled, b cancelled, c cancelled
    ");
}

#[test]
fn a_job_that_ends_well_while_it_is_cancelled_has_ended_well() {
    assert_snapshot!(play("a; b <- a", "
        begin
        5ms started a
        10ms cancel
        12ms ok a
    "), @r"
    begin         → dispatch a.1 then b
    5ms started a
    10ms cancel   → stop a.1
    12ms ok a     → finish
    = a completed, b cancelled
    ");
}

#[test]
fn a_worker_that_ignores_a_cancellation_is_answered_for() {
    assert_snapshot!(play("a", "
        begin
        5ms started a
        10ms cancel
        tick
        10011ms cancelled a
    "), @r"
    begin               → dispatch a.1
    5ms started a
    10ms cancel         → stop a.1
    10010ms tick        → seal a.1 cancelled, stop a.1
    10011ms cancelled a → finish
    = a cancelled
    ");
}

#[test]
fn inside_the_window_priority_goes_first_then_the_longest_way_then_the_file() {
    assert_snapshot!(play("window 1; low low; short; long; end <- long; now critical", "
        begin
        1ms ok now
        2ms ok long
        3ms ok short
        4ms ok end
        5ms ok low
    "), @r"
    begin        → dispatch now.1
    1ms ok now   → dispatch long.1 then end
    2ms ok long  → dispatch short.1 then end
    3ms ok short → dispatch end.1
    4ms ok end   → dispatch low.1
    5ms ok low   → finish
    = low completed, short completed, long completed, end completed, now completed
    ");
}

#[test]
fn what_was_stored_before_a_coordinator_came_is_not_done_again() {
    assert_snapshot!(play("a; b <- a; c <- a", "
        1ms ok a
        2ms fail b
        3ms begin
        4ms ok c
    "), @r"
    1ms ok a
    2ms fail b
    3ms begin  → dispatch c.1
    4ms ok c   → finish
    = a completed, b failed, c completed
    ");
}

#[test]
fn a_cancellation_told_to_another_coordinator_ends_the_same() {
    assert_snapshot!(play("window 2; a retries 1; b; c; d <- a", "
        1ms fail a
        2ms cancel
        3ms ok b
        offered c
        9ms begin
        10ms cancelled c
    "), @r"
    1ms fail a
    2ms cancel
    3ms ok b
    offered c
    9ms begin        → seal c.1 cancelled, stop c.1
    10ms cancelled c → finish
    = a cancelled, b completed, c cancelled, d cancelled
    ");
}

#[test]
fn late_and_repeated_verdicts_change_nothing() {
    assert_snapshot!(play("a retries 1; b <- a", "
        begin
        1ms fail a
        tick
        600ms ok a
        700ms again a 1 failed
        701ms again a 2 failed
        702ms again b 7 ok
        800ms ok b
    "), @r"
    begin                  → dispatch a.1 then b
    1ms fail a
    421ms tick             → dispatch a.2 then b
    600ms ok a             → dispatch b.1
    700ms again a 1 failed
    701ms again a 2 failed
    702ms again b 7 ok
    800ms ok b             → finish
    = a completed, b completed
    ");
}

#[test]
fn an_empty_file_is_finished_when_it_begins() {
    assert_snapshot!(play("", "begin"), @r"
    begin → finish
    =
    ");
}

#[test]
fn chaos_from_one_seed_is_always_the_same_and_never_beyond_the_retries() {
    assert_snapshot!(play("chaos 7 10; a retries 2; b retries 2; c <- a", "begin"), @r"
    begin → dispatch a.1 (Fail), dispatch b.1 (DelayMs(58))
    = a offered, b offered, c waiting
    ");
}

#[test]
fn any_order_of_any_verdicts_ends_with_every_task_decided_and_so_it_does_when_told_again() {
    for seed in 0..300 {
        settle(seed);
    }
}

#[test]
fn a_state_is_small_because_a_million_of_them_live_in_one_coordinator() {
    assert!(size_of::<engine::TaskState>() <= 32, "{}", size_of::<engine::TaskState>());
}
