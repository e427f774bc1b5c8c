//! One room, as each request for a page asks for it. Right on the connection: through the async wrapper a row is taken
//! apart twice, and the look would cost as much as the rest of the request.

use super::Store;
use super::rooms::{RoomRow, there};
use crate::schema::rooms;
use crate::types::DbId;
use diesel::prelude::*;
use maru_domain::error::StoreError;
use maru_domain::ids::RoomId;
use maru_domain::rooms::Room;

impl Store {
    /// The room of that id, if it is there now.
    pub(crate) async fn room(&self, id: RoomId) -> Result<Option<Room>, StoreError> {
        self.look(move |conn| {
            Box::pin(async move {
                let row = conn.spawn_blocking(move |conn| row(conn, id)).await?;
                Ok(row.map(Room::try_from).transpose()?)
            })
        })
        .await
    }
}

fn row(conn: &mut SqliteConnection, id: RoomId) -> QueryResult<Option<RoomRow>> {
    there!().filter(rooms::id.eq(DbId(id.0))).select(RoomRow::as_select()).get_result(conn).optional()
}
