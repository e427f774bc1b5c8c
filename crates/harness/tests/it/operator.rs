//! What operators and their machines rely on: health, figures, documents, the start and the end.

mod banner;
mod document;
mod full_disk;
mod health;
mod metrics;
mod probes;
mod refused_starts;
mod stopping;
mod store_away;
mod traces;
