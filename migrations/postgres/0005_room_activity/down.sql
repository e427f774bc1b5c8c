DROP INDEX rooms_activity;
