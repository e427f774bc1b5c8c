DROP INDEX messages_room_id_client_id_key;
ALTER TABLE messages DROP COLUMN client_id;
