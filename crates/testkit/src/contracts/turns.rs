//! The contract of [`TurnStore`](maru_domain::turns::ports::TurnStore).

mod cancel;
mod claim;
mod delete;
mod finish;
mod lease;
mod prompt;
mod races;
mod withdraw;

pub use cancel::*;
pub use claim::*;
pub use delete::*;
pub use finish::*;
pub use lease::*;
pub use prompt::*;
pub use races::*;
pub use withdraw::*;

/// Names the tests of turns for an expression that opens an empty [`TestStore`](super::durable::TestStore).
#[macro_export]
macro_rules! turns_contract {
    ($new:expr) => {
        $crate::contract_tests!(turns, $new =>
            the_oldest_unfinished_turn_of_each_room_is_taken_up,
            a_claim_takes_no_more_than_it_is_asked_for,
            turns_that_wait_do_not_hide_the_orphans_of_other_rooms,
            an_expired_lease_is_taken_over,
            an_earlier_run_leaves_its_text,
            a_lease_is_renewed_by_its_owner,
            a_lease_that_its_owner_does_not_name_is_not_renewed,
            renewing_tells_whom_to_stop,
            a_released_turn_is_taken_up_anew,
            a_turn_is_released_once_and_without_text_only,
            the_leases_of_earlier_runs_are_voided,
            a_checkpoint_makes_the_turn_speak,
            a_checkpoint_of_a_stranger_is_fenced,
            a_turn_ends_with_its_text_and_its_cost,
            each_end_has_its_state,
            a_turn_tells_who_answered,
            a_turn_ends_once,
            the_version_counts_every_write,
            a_cancel_is_a_request_to_who_runs_the_turn,
            a_turn_that_nobody_runs_is_cancelled_at_once,
            a_cancel_after_the_end_changes_nothing,
            a_forced_cancel_shuts_the_worker_out,
            the_next_turn_goes_on_after_a_cancel,
            a_withdrawn_turn_was_never_sent,
            a_withdrawn_turn_takes_the_session_along_that_it_opened,
            withdrawn_first_messages_leave_no_session,
            a_withdrawal_by_a_stranger_takes_nothing,
            a_deleted_turn_takes_what_it_told,
            a_deleted_turn_takes_the_room_that_it_opened,
            an_end_is_kept_as_the_model_said_it,
            stored_completions_are_listed,
            the_prompt_is_the_conversation_so_far,
            the_prompt_keeps_the_newest,
            the_prompt_shows_what_is_there_now,
            the_prompt_names_the_model,
            claimers_at_once_never_share_a_turn,
            the_end_is_reached_once_whoever_wants_it,
            a_worker_that_was_taken_over_writes_nothing,
            a_cancel_at_the_moment_of_a_claim_is_not_lost,
            writers_of_all_kinds_leave_no_gap,
        );
    };
}
