//! The tables, once for both databases. A test compares this with what the migrations make.

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::types::sql::{Id, Moment};

    users (number) {
        number -> BigInt,
        id -> Id,
        username -> Text,
        email -> Text,
        password_hash -> Nullable<Text>,
        active -> Bool,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Nullable;
    use crate::types::sql::{Id, Moment};

    sessions (id) {
        id -> Id,
        user_id -> Id,
        created_at -> Moment,
        expires_at -> Moment,
        last_used_at -> Moment,
        revoked_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::types::sql::{Id, Moment};

    api_keys (id) {
        id -> Id,
        user_id -> Id,
        name -> Text,
        hash -> Binary,
        created_at -> Moment,
        expires_at -> Nullable<Moment>,
        last_used_at -> Nullable<Moment>,
        revoked_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::types::sql::{Id, Json, Moment};

    rooms (number) {
        number -> BigInt,
        id -> Id,
        kind -> Text,
        owner_id -> Nullable<Id>,
        public_id -> Nullable<Text>,
        name -> Text,
        system_prompt -> Text,
        model -> Nullable<Text>,
        turn_policy -> Text,
        metadata -> Json,
        created_at -> Moment,
        updated_at -> Moment,
        last_message_at -> Nullable<Moment>,
        ended_at -> Nullable<Moment>,
        version -> BigInt,
        last_seq -> BigInt,
        last_message_seq -> BigInt,
        message_count -> BigInt,
        deleted_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::types::sql::{Id, Json, Moment};

    messages (number) {
        number -> BigInt,
        id -> Id,
        room_id -> Id,
        seq -> BigInt,
        turn_id -> Nullable<Id>,
        role -> Text,
        content -> Text,
        status -> Text,
        metadata -> Json,
        created_at -> Moment,
        updated_at -> Moment,
        edited_at -> Nullable<Moment>,
        quote -> Nullable<Json>,
        plc_uuid -> Nullable<Text>,
        plc_snapshot -> Nullable<Json>,
        deleted_at -> Nullable<Moment>,
        client_id -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::types::sql::{Id, Moment};

    room_events (room_id, seq) {
        room_id -> Id,
        seq -> BigInt,
        kind -> Text,
        subject -> Id,
        at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::types::sql::{Id, Json, Moment};

    turns (id) {
        id -> Id,
        room_id -> Id,
        status -> Text,
        message_id -> Id,
        reply_id -> Id,
        position -> BigInt,
        model -> Nullable<Text>,
        input_tokens -> Nullable<BigInt>,
        output_tokens -> Nullable<BigInt>,
        error_code -> Nullable<Text>,
        error_detail -> Nullable<Text>,
        attempt -> Integer,
        fence -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<Moment>,
        cancel_requested -> Bool,
        withdraw_on_failure -> Bool,
        created_at -> Moment,
        finished_at -> Nullable<Moment>,
        options -> Json,
        finish -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};
    use crate::types::sql::{Id, Moment};

    idempotency (scope, route, key) {
        scope -> Text,
        route -> Text,
        key -> Text,
        fingerprint -> Binary,
        turn_id -> Nullable<Id>,
        session_id -> Nullable<Id>,
        room_id -> Nullable<Id>,
        opened -> Bool,
        status -> Nullable<Integer>,
        body -> Nullable<Text>,
        created_at -> Moment,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};

    quotes (number) {
        number -> BigInt,
        category -> Text,
        text -> Text,
        author -> Text,
        source -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;

    plants (id) {
        id -> Text,
        code -> Text,
        name -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::Text;

    processes (id) {
        id -> Text,
        plant_id -> Text,
        code -> Text,
        name -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::Text;

    lines (id) {
        id -> Text,
        process_id -> Text,
        code -> Text,
        name -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::types::sql::Moment;

    plcs (uuid) {
        uuid -> Text,
        plc_id -> Text,
        name -> Text,
        unit -> Nullable<Text>,
        line_id -> Text,
        active -> Bool,
        created_at -> Moment,
        created_by -> Text,
        updated_at -> Moment,
        deleted_at -> Nullable<Moment>,
        deleted_by -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    users,
    sessions,
    api_keys,
    rooms,
    messages,
    room_events,
    turns,
    idempotency,
    quotes,
    plants,
    processes,
    lines,
    plcs
);
