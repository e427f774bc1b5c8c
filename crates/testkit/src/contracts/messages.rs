//! The contract of [`MessageStore`](maru_domain::messages::ports::MessageStore).

mod changes;
mod edit;
mod named;
mod policy;
mod send;
mod session;
mod storm;
mod told;

pub use changes::*;
pub use edit::*;
pub use named::*;
pub use policy::*;
pub use send::*;
pub use session::*;
pub use storm::*;
pub use told::*;

/// Names the tests of messages for an expression that opens an empty [`TestStore`](super::durable::TestStore).
#[macro_export]
macro_rules! messages_contract {
    ($new:expr) => {
        $crate::contract_tests!(messages, $new =>
            a_send_stores_all_of_it_or_nothing,
            any_text_is_kept_as_it_was_sent,
            sending_twice_under_a_key_stores_one,
            a_replay_tells_how_it_stands_now,
            a_key_can_be_used_again_after_a_day,
            a_replay_does_not_bring_a_deleted_room_back,
            a_refused_send_leaves_no_trace,
            an_id_that_is_taken_leaves_no_trace,
            a_second_message_waits,
            the_queue_is_bounded,
            a_room_may_refuse_while_a_turn_runs,
            a_room_may_interrupt_the_running_turns,
            the_first_message_opens_a_session,
            a_session_of_a_user_who_is_gone_is_missing,
            thirty_two_first_messages_open_one_session,
            ending_and_sending_at_once_loses_nothing,
            the_first_message_to_a_name_opens_its_room,
            a_name_is_its_owners_and_its_kinds,
            a_named_room_of_a_user_who_is_gone_is_missing,
            an_ended_named_room_takes_no_message,
            thirty_two_first_messages_to_a_name_open_one_room,
            deleting_a_named_room_while_it_is_sent_to_loses_nothing,
            a_replay_does_not_open_a_named_room_again,
            an_edit_replaces_the_text_of_the_person,
            an_edit_of_an_ended_room_is_allowed,
            an_edit_of_what_is_not_there_leaves_no_trace,
            edits_and_sends_at_once_are_all_numbered,
            a_message_may_stand_alone,
            adding_twice_under_a_key_stores_one,
            messages_are_paged_both_ways,
            a_deleted_message_leaves_the_others,
            a_deleted_message_is_no_activity,
            a_new_reply_takes_the_place_of_what_followed,
            a_new_reply_waits_for_the_turns_before_it,
            a_new_reply_under_a_key_is_made_once,
            of_new_replies_at_once_instead_of_one_turn_one_is_made,
            a_new_reply_for_nothing_leaves_no_trace,
            a_replay_does_not_bring_a_deleted_message_back,
            what_was_said_elsewhere_is_told,
            telling_twice_under_a_key_stores_one,
            what_cannot_be_told_leaves_no_trace,
            a_message_may_bring_its_past,
            a_send_goes_on_from_the_last_turn_only,
            one_of_many_goes_on_from_a_turn,
            an_id_of_the_clients_names_one_message,
            four_thousand_sends_of_two_thousand_keys,
        );
    };
}
