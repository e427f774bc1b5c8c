-- The id that a client gave a message: the same id again in a room is the same message.
ALTER TABLE messages ADD COLUMN client_id TEXT;
CREATE UNIQUE INDEX messages_room_id_client_id_key ON messages (room_id, client_id) WHERE client_id IS NOT NULL AND deleted_at IS NULL;
