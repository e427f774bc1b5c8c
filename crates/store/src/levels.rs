//! How far a database's tables have come, as this binary knows them.

use crate::OpenError;

/// The migrations of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Those that were run, by name, in order.
    pub applied: Vec<String>,
    /// Those that it lacks, by name, in order.
    pub pending: Vec<String>,
    /// The numbers of those that were run and that this binary does not know.
    pub unknown: Vec<String>,
    /// A move into it was cut off: a part of its rows is there.
    pub half_moved: bool,
}

impl Levels {
    /// Compares the names that the binary has with the numbers that the database has.
    pub(crate) fn of(names: &[String], applied: &[String]) -> Self {
        let number = |name: &str| name.split('_').next().unwrap_or(name).to_owned();
        let (done, pending) = names.iter().cloned().partition(|name| applied.contains(&number(name)));
        let known: Vec<String> = names.iter().map(|name| number(name)).collect();
        let mut unknown: Vec<String> = applied.iter().filter(|one| !known.contains(one)).cloned().collect();
        unknown.sort();
        Self { applied: done, pending, unknown, half_moved: false }
    }

    /// These, unless a newer maru has been at work: what it has changed, this one would misread.
    ///
    /// # Errors
    /// [`OpenError::Newer`], or when only a part of a database is there.
    pub fn known(self) -> Result<Self, OpenError> {
        if self.half_moved {
            return Err(crate::refused(
                "a move into this database was cut off, so that only a part is there; run `maru move` again to end it",
            ));
        }
        if self.unknown.is_empty() { Ok(self) } else { Err(OpenError::Newer(self.unknown.join(", "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_lacking_and_unknown_is_told_apart() {
        let names = ["0001_a".to_owned(), "0002_b".to_owned()];
        let levels = Levels::of(&names, &["0001".to_owned(), "0009".to_owned()]);
        assert_eq!(levels.applied, ["0001_a"]);
        assert_eq!(levels.pending, ["0002_b"]);
        assert_eq!(levels.unknown, ["0009"]);
        assert!(levels.known().is_err());
        assert!(Levels::of(&names, &["0001".to_owned()]).known().is_ok());
    }
}
