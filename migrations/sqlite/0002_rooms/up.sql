CREATE TABLE rooms (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    owner_id BLOB REFERENCES users (id) ON DELETE CASCADE,
    public_id TEXT,
    name TEXT NOT NULL,
    system_prompt TEXT NOT NULL,
    model TEXT,
    turn_policy TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_message_at INTEGER,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    last_message_seq INTEGER NOT NULL,
    message_count INTEGER NOT NULL,
    CONSTRAINT rooms_id_key UNIQUE (id)
) STRICT;
CREATE INDEX rooms_owner ON rooms (owner_id, number);
-- A user has at most one open session (contract §1.5), whatever arrives at the same instant.
CREATE UNIQUE INDEX rooms_owner_id_key ON rooms (owner_id) WHERE kind = 'session' AND ended_at IS NULL;
-- A foreign id is unique among its owner's rooms of a kind, and among those that nobody owns.
CREATE UNIQUE INDEX rooms_kind_owner_id_public_id_key ON rooms (kind, owner_id, public_id) WHERE owner_id IS NOT NULL AND public_id IS NOT NULL;
CREATE UNIQUE INDEX rooms_kind_public_id_key ON rooms (kind, public_id) WHERE owner_id IS NULL AND public_id IS NOT NULL;

CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id BLOB NOT NULL,
    room_id BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    turn_id BLOB,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    status TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    edited_at INTEGER,
    CONSTRAINT messages_id_key UNIQUE (id),
    CONSTRAINT messages_room_id_seq_key UNIQUE (room_id, seq)
) STRICT;

CREATE TABLE room_events (
    room_id BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (room_id, seq)
) STRICT, WITHOUT ROWID;
