DROP INDEX rooms_client;
DROP INDEX rooms_kind_public_id_key;
DROP INDEX rooms_kind_owner_id_public_id_key;
-- What was hidden must not come back to light, nor take an id that was given again.
DELETE FROM messages WHERE deleted_at IS NOT NULL;
DELETE FROM rooms WHERE deleted_at IS NOT NULL;
CREATE UNIQUE INDEX rooms_kind_owner_id_public_id_key ON rooms (kind, owner_id, public_id) WHERE owner_id IS NOT NULL AND public_id IS NOT NULL;
CREATE UNIQUE INDEX rooms_kind_public_id_key ON rooms (kind, public_id) WHERE owner_id IS NULL AND public_id IS NOT NULL;
ALTER TABLE rooms DROP COLUMN deleted_at;
ALTER TABLE messages DROP COLUMN deleted_at;
ALTER TABLE messages DROP COLUMN plc_snapshot;
ALTER TABLE messages DROP COLUMN plc_uuid;
DROP TABLE plcs;
DROP TABLE lines;
DROP TABLE processes;
DROP TABLE plants;
