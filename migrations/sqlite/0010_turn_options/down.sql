DROP INDEX rooms_completions;
ALTER TABLE turns DROP COLUMN finish;
ALTER TABLE turns DROP COLUMN options;
