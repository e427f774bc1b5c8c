-- What was asked of a turn beside its message, and how the model said that it had ended.
ALTER TABLE turns ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
ALTER TABLE turns ADD COLUMN finish TEXT;

-- Stored chat completions: rooms of that contract with a public id.
CREATE INDEX rooms_completions ON rooms (owner_id, number) WHERE kind = 'openai' AND public_id IS NOT NULL AND deleted_at IS NULL;
