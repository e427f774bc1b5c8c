DROP INDEX rooms_ownerless;
