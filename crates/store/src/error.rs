//! From diesel's many errors to the domain's three.

use diesel::result::{DatabaseErrorKind, Error};
use maru_domain::error::{BoxError, StoreError};

/// How the work of a transaction stops early.
#[derive(Debug)]
pub enum Abort<T> {
    /// Roll everything back, and answer this.
    With(T),
    /// Roll everything back, because of this.
    Error(StoreError),
}

impl<T> Abort<T> {
    /// What the caller is told.
    pub fn ended(self) -> Result<T, StoreError> {
        match self {
            Self::With(value) => Ok(value),
            Self::Error(error) => Err(error),
        }
    }
}

impl<T> From<Error> for Abort<T> {
    fn from(error: Error) -> Self {
        Self::Error(from_diesel(error))
    }
}

impl<T> From<StoreError> for Abort<T> {
    fn from(error: StoreError) -> Self {
        Self::Error(error)
    }
}

/// What a statement's error means. Whatever fails before `COMMIT` was certainly not written.
pub fn from_diesel(error: Error) -> StoreError {
    match error {
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, ref info) => {
            let name =
                info.constraint_name().map_or_else(|| sqlite_constraint(info.message()), str::to_owned);
            StoreError::Conflict(name)
        }
        // SQLite does not say which.
        Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, ref info) => {
            StoreError::Conflict(info.constraint_name().unwrap_or("fkey").to_owned())
        }
        Error::DatabaseError(
            DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::ReadOnlyTransaction,
            _,
        )
        | Error::BrokenTransactionManager => unavailable(error),
        Error::DatabaseError(_, ref info) if is_passing(info.message()) => unavailable(error),
        other => StoreError::Internal(Box::new(other)),
    }
}

/// Nothing was written, and it may work later.
pub fn unavailable(source: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable { certain: true, source: source.into() }
}

/// SQLite says `UNIQUE constraint failed: users.username`; the name is what PostgreSQL calls it.
fn sqlite_constraint(message: &str) -> String {
    let columns = message.rsplit(": ").next().unwrap_or(message);
    let mut name = String::new();
    for (index, column) in columns.split(", ").enumerate() {
        let (table, column) = column.split_once('.').unwrap_or(("", column));
        if index == 0 {
            name.push_str(table);
        }
        name.push('_');
        name.push_str(column);
    }
    name + "_key"
}

/// Full disks, locks and servers that stop come as plain messages.
fn is_passing(message: &str) -> bool {
    const PASSING: [&str; 12] = [
        "database or disk is full",
        "disk I/O error",
        "database is locked",
        "readonly database",
        "unable to open database",
        "statement timeout",
        "lock timeout",
        "deadlock detected",
        "terminating connection",
        "the database system is",
        "too many clients",
        "No space left on device",
    ];
    PASSING.iter().any(|passing| message.contains(passing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_have_one_name_in_both_databases() {
        assert_eq!(sqlite_constraint("UNIQUE constraint failed: users.username"), "users_username_key");
        assert_eq!(
            sqlite_constraint("UNIQUE constraint failed: messages.room_id, messages.seq"),
            "messages_room_id_seq_key"
        );
    }
}
