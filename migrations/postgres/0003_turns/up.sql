CREATE TABLE turns (
    id UUID NOT NULL PRIMARY KEY,
    room_id UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    message_id UUID NOT NULL,
    reply_id UUID NOT NULL,
    position BIGINT NOT NULL,
    model TEXT,
    input_tokens BIGINT,
    output_tokens BIGINT,
    error_code TEXT,
    error_detail TEXT,
    attempt INTEGER NOT NULL,
    fence BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until TIMESTAMPTZ,
    cancel_requested BOOLEAN NOT NULL,
    withdraw_on_failure BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    CONSTRAINT turns_status_check CHECK (status IN ('pending', 'streaming', 'completed', 'failed', 'cancelled', 'interrupted'))
);
CREATE INDEX turns_room ON turns (room_id, position);
CREATE INDEX turns_unfinished ON turns (room_id, position) WHERE status IN ('pending', 'streaming');
-- One turn of a room runs at a time, whatever the instances believe.
CREATE UNIQUE INDEX turns_room_id_key ON turns (room_id) WHERE lease_owner IS NOT NULL AND status IN ('pending', 'streaming');
