CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    -- What the guarded transaction has made. No foreign keys: the key outlives what it made, so
    -- that a late retry does not bring a deleted thing back.
    turn_id BLOB,
    session_id BLOB,
    room_id BLOB,
    opened INTEGER NOT NULL,
    -- The answer, once there is one that may be kept: never one that holds a token.
    status INTEGER,
    body TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expiry ON idempotency (expires_at);
CREATE INDEX idempotency_turn ON idempotency (turn_id) WHERE turn_id IS NOT NULL;
