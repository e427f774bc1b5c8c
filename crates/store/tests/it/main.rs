//! The stores against the contracts of their ports, and what each database promises by itself.

#[cfg(test)]
mod catalog;
#[cfg(test)]
mod files;
#[cfg(test)]
mod open;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod transfer;

#[cfg(test)]
mod on_sqlite {
    maru_testkit::store_contract!(crate::open::sqlite().await);
}

#[cfg(test)]
mod on_postgres {
    maru_testkit::store_contract!(crate::open::postgres().await);
}
