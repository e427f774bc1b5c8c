CREATE TABLE plants (
    id TEXT NOT NULL PRIMARY KEY,
    code TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE processes (
    id TEXT NOT NULL PRIMARY KEY,
    plant_id TEXT NOT NULL REFERENCES plants (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;
CREATE INDEX processes_plant ON processes (plant_id);

CREATE TABLE lines (
    id TEXT NOT NULL PRIMARY KEY,
    process_id TEXT NOT NULL REFERENCES processes (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;
CREATE INDEX lines_process ON lines (process_id);

CREATE TABLE plcs (
    uuid TEXT NOT NULL PRIMARY KEY,
    plc_id TEXT NOT NULL,
    name TEXT NOT NULL,
    unit TEXT,
    line_id TEXT NOT NULL REFERENCES lines (id) ON DELETE CASCADE,
    active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    deleted_by TEXT
) STRICT;
CREATE INDEX plcs_line ON plcs (line_id, plc_id);
-- The name of a PLC that is deleted is free again; its id is not: messages name it.
CREATE UNIQUE INDEX plcs_plc_id_key ON plcs (plc_id) WHERE deleted_at IS NULL;

-- The PLC that a message is about, and how it was when the message was created (contract §4.1). No
-- reference: the id stays whatever becomes of the PLC.
ALTER TABLE messages ADD COLUMN plc_uuid TEXT;
ALTER TABLE messages ADD COLUMN plc_snapshot TEXT;

-- What was cleared or taken away by a contract that only hides (contract §4.3). Nothing reads it again.
ALTER TABLE messages ADD COLUMN deleted_at INTEGER;
ALTER TABLE rooms ADD COLUMN deleted_at INTEGER;

-- The foreign id of a hidden room is free again.
DROP INDEX rooms_kind_owner_id_public_id_key;
DROP INDEX rooms_kind_public_id_key;
CREATE UNIQUE INDEX rooms_kind_owner_id_public_id_key ON rooms (kind, owner_id, public_id) WHERE owner_id IS NOT NULL AND public_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX rooms_kind_public_id_key ON rooms (kind, public_id) WHERE owner_id IS NULL AND public_id IS NOT NULL AND deleted_at IS NULL;
-- The chats that a client opened for one of its own users.
CREATE INDEX rooms_client ON rooms (kind, json_extract(metadata, '$.user_id'), number) WHERE deleted_at IS NULL;
