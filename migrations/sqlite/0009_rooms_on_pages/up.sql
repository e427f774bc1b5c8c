-- The rooms of a kind that nobody owns, as the pages list them.
CREATE INDEX rooms_ownerless ON rooms (kind, number) WHERE owner_id IS NULL AND deleted_at IS NULL;
