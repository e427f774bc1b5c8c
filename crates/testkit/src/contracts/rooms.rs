//! The contract of [`RoomStore`](maru_domain::rooms::ports::RoomStore).

mod change;
mod end;
mod fields;
mod hidden;
mod pages;

pub use change::*;
pub use end::*;
pub use fields::*;
pub use hidden::*;
pub use pages::*;

/// Names the tests of rooms for an expression that opens an empty [`TestStore`](super::durable::TestStore).
#[macro_export]
macro_rules! rooms_contract {
    ($new:expr) => {
        $crate::contract_tests!(rooms, $new =>
            a_room_is_found_by_id_and_by_number,
            rooms_that_are_asked_for_at_once_are_each_told,
            whoever_has_changed_a_room_finds_it_changed,
            a_room_may_be_nobodys,
            rooms_of_an_owner_are_listed_by_number,
            a_foreign_id_is_unique_for_its_owner_and_kind,
            a_user_has_one_open_session,
            times_are_kept_to_the_microsecond,
            notes_are_kept_as_they_are,
            a_conversation_is_told_from_the_oldest_message_on,
            conversations_are_told_together_as_each_alone,
            the_open_session_is_ended,
            ending_nothing_keeps_no_key,
            ending_twice_under_a_key_ends_one_session,
            ending_at_once_under_a_key_ends_one_session,
            the_message_after_the_end_opens_another_session,
            a_deleted_room_takes_everything_along,
            deleting_tells_the_turns_that_had_not_ended,
            a_turn_sent_while_its_room_is_deleted_is_told,
            opening_twice_under_a_key_opens_one_room,
            opening_at_once_under_a_key_opens_one_room,
            a_room_that_is_refused_keeps_no_key,
            rooms_are_paged_by_activity_both_ways,
            a_cursor_outlives_its_room,
            rooms_on_a_shelf_are_paged_by_number,
            a_change_touches_the_named_fields_only,
            another_prompt_clears_the_messages,
            clearing_leaves_an_empty_room,
            a_room_is_ended_once,
            a_hidden_room_is_read_by_nobody,
            a_hidden_room_frees_its_name,
            hiding_tells_the_turns_that_had_not_ended,
            a_room_that_is_sent_to_while_it_is_hidden_keeps_no_message_open,
            archived_messages_are_read_by_nobody,
            rooms_of_a_clients_user_are_listed_newest_first,
        );
    };
}
