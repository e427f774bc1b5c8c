//! The token API over HTTP (contract §1, and §0 as it concerns it), on both databases.

mod accounts;
mod auth;
mod bodies;
mod changes;
mod chats;
mod cors;
mod failures;
mod once;
mod races;
mod rates;
mod revoked;
mod strangers;
mod verbs;
