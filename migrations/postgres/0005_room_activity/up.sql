-- A user's rooms are listed by newest activity.
CREATE INDEX rooms_activity ON rooms (owner_id, COALESCE(last_message_at, created_at), number);
