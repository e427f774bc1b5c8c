//! What operators and their machines rely on: health, figures, documents, the start and the end.

mod document;
mod probes;
mod stopping;
mod store_away;
