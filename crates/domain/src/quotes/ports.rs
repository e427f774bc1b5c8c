//! What quotes need from outside.

use super::{Category, Imported, NewQuote, Quote, Standing};
use crate::error::StoreError;
use crate::ids::{RoomId, TurnId};
use crate::page::{Page, PageRequest};
use async_trait::async_trait;

/// The catalogue of quotes, and how the threads stand that end with one.
#[async_trait]
pub trait QuoteStore: Send + Sync {
    /// A page of the catalogue by number, of one category or of all.
    async fn page(
        &self,
        category: Option<Category>,
        page: PageRequest<i64>,
    ) -> Result<Page<Quote>, StoreError>;

    /// A quote by its number.
    async fn find(&self, id: i64) -> Result<Option<Quote>, StoreError>;

    /// Every quote of a category, by number.
    async fn of_category(&self, category: Category) -> Result<Vec<Quote>, StoreError>;

    /// Adds quotes whose words are not there yet; all or none. Answers one for each, in order.
    async fn import(&self, quotes: Vec<NewQuote>) -> Result<Vec<Imported>, StoreError>;

    /// How many threads there are.
    async fn threads(&self) -> Result<i64, StoreError>;

    /// How a room stands; `None` when it has no turn.
    async fn standing(&self, room: RoomId) -> Result<Option<Standing>, StoreError>;

    /// How many messages a person had sent in a turn's room, with the turn's own. `None` when the
    /// turn is gone.
    async fn asked(&self, turn: TurnId) -> Result<Option<i64>, StoreError>;
}
