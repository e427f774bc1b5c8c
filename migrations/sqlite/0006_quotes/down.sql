DROP INDEX rooms_kind;
ALTER TABLE messages DROP COLUMN quote;
DROP TABLE quotes;
