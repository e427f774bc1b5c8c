CREATE TABLE turns (
    id BLOB NOT NULL PRIMARY KEY,
    room_id BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    message_id BLOB NOT NULL,
    reply_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    model TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    error_code TEXT,
    error_detail TEXT,
    attempt INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER,
    cancel_requested INTEGER NOT NULL,
    withdraw_on_failure INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    CONSTRAINT turns_status_check CHECK (status IN ('pending', 'streaming', 'completed', 'failed', 'cancelled', 'interrupted'))
) STRICT;
CREATE INDEX turns_room ON turns (room_id, position);
CREATE INDEX turns_unfinished ON turns (room_id, position) WHERE status IN ('pending', 'streaming');
-- One turn of a room runs at a time, whatever the instances believe.
CREATE UNIQUE INDEX turns_room_id_key ON turns (room_id) WHERE lease_owner IS NOT NULL AND status IN ('pending', 'streaming');
