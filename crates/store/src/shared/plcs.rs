//! The registry of PLCs: masters, PLCs, and what a message keeps of one.

use super::fragments::Prepare;
use super::plc_masters::{LineRow, PlantRow, ProcessRow, is_place, masters, put_masters};
use super::{Conn, Db, Store};
use crate::error::Abort;
use crate::schema::{lines, plants, plcs, processes};
use crate::types::{DbJson, DbTime};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::plcs::ports::{NewPlc, PlcChange, PlcStore};
use maru_domain::plcs::{Masters, Plc, PlcFilter, PlcPage, PlcSnapshot, PlcUuid, RowFault};
use serde_json::Value;

#[derive(Queryable, Selectable)]
#[diesel(table_name = plcs, check_for_backend(Db))]
struct PlcRow {
    uuid: String,
    plc_id: String,
    name: String,
    unit: Option<String>,
    active: bool,
    created_at: DbTime,
    created_by: String,
    updated_at: DbTime,
}

/// A PLC with where it stands.
type Placed = (PlcRow, LineRow, ProcessRow, PlantRow);

fn plc((row, line, process, plant): Placed) -> Plc {
    Plc {
        uuid: PlcUuid(row.uuid),
        plc_id: row.plc_id,
        name: row.name,
        unit: row.unit,
        plant: plant.into(),
        process: process.into(),
        line: line.into(),
        active: row.active,
        created_at: row.created_at.0,
        created_by: row.created_by,
        updated_at: row.updated_at.0,
    }
}

/// The PLCs that are not deleted, with where they stand.
macro_rules! placed {
    () => {
        plcs::table
            .inner_join(lines::table.on(lines::id.eq(plcs::line_id)))
            .inner_join(processes::table.on(processes::id.eq(lines::process_id)))
            .inner_join(plants::table.on(plants::id.eq(processes::plant_id)))
            .filter(plcs::deleted_at.is_null())
    };
}

macro_rules! columns {
    () => {
        (PlcRow::as_select(), LineRow::as_select(), ProcessRow::as_select(), PlantRow::as_select())
    };
}

async fn find(conn: &mut Conn, uuid: &PlcUuid) -> QueryResult<Option<Plc>> {
    let found: Option<Placed> =
        placed!().filter(plcs::uuid.eq(&uuid.0)).select(columns!()).first(conn).await.optional()?;
    Ok(found.map(plc))
}

/// What a message that is created now keeps of a PLC; `None` when there is no such PLC.
pub async fn snapshot(conn: &mut Conn, uuid: &PlcUuid) -> Result<Option<DbJson>, StoreError> {
    let found = find(conn, uuid).await.map_err(crate::error::from_diesel)?;
    found.map(|plc| as_json(&plc.snapshot())).transpose()
}

fn as_json(snapshot: &PlcSnapshot) -> Result<DbJson, StoreError> {
    match serde_json::to_value(snapshot) {
        Ok(Value::Object(fields)) => Ok(DbJson(fields)),
        Ok(_) => Err(StoreError::Internal("a snapshot is an object".into())),
        Err(error) => Err(StoreError::Internal(error.into())),
    }
}

/// A snapshot as it was kept.
pub fn from_json(json: DbJson) -> Result<PlcSnapshot, StoreError> {
    serde_json::from_value(Value::Object(json.0)).map_err(|error| StoreError::Internal(error.into()))
}

type Rows = Vec<Result<(), RowFault>>;

async fn register(conn: &mut Conn, new: Vec<NewPlc>, now: Timestamp) -> Result<Rows, Abort<Rows>> {
    let mut rows = Vec::with_capacity(new.len());
    for plc in new {
        if !is_place(conn, &plc.line_id, &plc.process_id, &plc.plant_id).await? {
            rows.push(Err(RowFault::UnknownLine));
            continue;
        }
        // Of two with one name at the same instant the second waits here, and inserts nothing.
        let inserted = diesel::insert_into(plcs::table)
            .values((
                plcs::uuid.eq(plc.uuid.0),
                plcs::plc_id.eq(plc.plc_id),
                plcs::name.eq(plc.name),
                plcs::unit.eq(plc.unit),
                plcs::line_id.eq(plc.line_id),
                plcs::active.eq(true),
                plcs::created_at.eq(DbTime(now)),
                plcs::created_by.eq(plc.by),
                plcs::updated_at.eq(DbTime(now)),
            ))
            .on_conflict_do_nothing()
            .prepared()
            .execute(conn)
            .await?;
        rows.push(if inserted > 0 { Ok(()) } else { Err(RowFault::Taken) });
    }
    Ok(rows)
}

async fn change(conn: &mut Conn, changes: Vec<PlcChange>, now: Timestamp) -> Result<Rows, Abort<Rows>> {
    let mut rows = Vec::with_capacity(changes.len());
    for one in changes {
        rows.push(change_one(conn, one, now).await?);
    }
    Ok(rows)
}

async fn change_one(conn: &mut Conn, change: PlcChange, now: Timestamp) -> QueryResult<Result<(), RowFault>> {
    // Held first: of two changes of one PLC the second sees what the first has left.
    let this = plcs::table.filter(plcs::uuid.eq(&change.uuid.0)).filter(plcs::deleted_at.is_null());
    if diesel::update(this).set(plcs::active.eq(plcs::active)).prepared().execute(conn).await? == 0 {
        return Ok(Err(RowFault::Missing));
    }
    let Some(now_there) = find(conn, &change.uuid).await? else { return Ok(Err(RowFault::Missing)) };
    let line = change.line_id.unwrap_or(now_there.line.id);
    let process = change.process_id.unwrap_or(now_there.process.id);
    let plant = change.plant_id.unwrap_or(now_there.plant.id);
    if !is_place(conn, &line, &process, &plant).await? {
        return Ok(Err(RowFault::UnknownLine));
    }
    let plc_id = change.plc_id.unwrap_or(now_there.plc_id);
    let other = plcs::table
        .filter(plcs::plc_id.eq(&plc_id))
        .filter(plcs::uuid.ne(&change.uuid.0))
        .filter(plcs::deleted_at.is_null());
    if other.count().get_result::<i64>(conn).await? > 0 {
        return Ok(Err(RowFault::Taken));
    }
    diesel::update(plcs::table.filter(plcs::uuid.eq(&change.uuid.0)))
        .set((
            plcs::plc_id.eq(plc_id),
            plcs::name.eq(change.name.unwrap_or(now_there.name)),
            plcs::unit.eq(change.unit.or(now_there.unit)),
            plcs::line_id.eq(line),
            plcs::updated_at.eq(DbTime(now)),
        ))
        .prepared()
        .execute(conn)
        .await?;
    Ok(Ok(()))
}

async fn list(
    conn: &mut Conn,
    filter: PlcFilter,
    offset: i64,
    limit: i64,
) -> Result<PlcPage, Abort<PlcPage>> {
    macro_rules! filtered {
        ($query:expr) => {{
            let mut query = $query.into_boxed();
            if let Some(plant) = &filter.plant_id {
                query = query.filter(plants::id.eq(plant.clone()));
            }
            if let Some(process) = &filter.process_id {
                query = query.filter(processes::id.eq(process.clone()));
            }
            if let Some(line) = &filter.line_id {
                query = query.filter(lines::id.eq(line.clone()));
            }
            if let Some(plc_id) = &filter.plc_id {
                query = query.filter(plcs::plc_id.eq(plc_id.clone()));
            }
            if let Some(active) = filter.active {
                query = query.filter(plcs::active.eq(active));
            }
            query
        }};
    }
    let total: i64 = filtered!(placed!().select(diesel::dsl::count_star())).get_result(conn).await?;
    let rows: Vec<Placed> = filtered!(placed!().select(columns!()))
        .order((plcs::plc_id.asc(), plcs::uuid.asc()))
        .offset(offset)
        .limit(limit)
        .load(conn)
        .await?;
    Ok(PlcPage { items: rows.into_iter().map(plc).collect(), total })
}

async fn set_active(
    conn: &mut Conn,
    uuid: PlcUuid,
    active: bool,
    now: Timestamp,
) -> Result<Option<Plc>, Abort<Option<Plc>>> {
    let this = plcs::table.filter(plcs::uuid.eq(&uuid.0)).filter(plcs::deleted_at.is_null());
    diesel::update(this)
        .set((plcs::active.eq(active), plcs::updated_at.eq(DbTime(now))))
        .prepared()
        .execute(conn)
        .await?;
    Ok(find(conn, &uuid).await?)
}

async fn delete(
    conn: &mut Conn,
    uuids: Vec<PlcUuid>,
    by: String,
    now: Timestamp,
) -> Result<Vec<bool>, Abort<Vec<bool>>> {
    let mut there = Vec::with_capacity(uuids.len());
    for uuid in uuids {
        let this = plcs::table.filter(plcs::uuid.eq(&uuid.0)).filter(plcs::deleted_at.is_null());
        let gone = diesel::update(this)
            .set((plcs::deleted_at.eq(Some(DbTime(now))), plcs::deleted_by.eq(Some(&by))))
            .prepared()
            .execute(conn)
            .await?;
        there.push(gone > 0);
    }
    Ok(there)
}

#[async_trait]
impl PlcStore for Store {
    async fn put_masters(&self, new: Masters) -> Result<bool, StoreError> {
        self.write(move |conn| Box::pin(put_masters(conn, new))).await
    }

    async fn masters(&self) -> Result<Masters, StoreError> {
        self.snapshot(move |conn| Box::pin(masters(conn))).await
    }

    async fn register(&self, new: Vec<NewPlc>, now: Timestamp) -> Result<Rows, StoreError> {
        self.write(move |conn| Box::pin(register(conn, new, now))).await
    }

    async fn change(&self, changes: Vec<PlcChange>, now: Timestamp) -> Result<Rows, StoreError> {
        self.write(move |conn| Box::pin(change(conn, changes, now))).await
    }

    async fn find(&self, uuid: PlcUuid) -> Result<Option<Plc>, StoreError> {
        self.look(move |conn| Box::pin(async move { Ok(find(conn, &uuid).await?) })).await
    }

    async fn list(&self, filter: PlcFilter, offset: i64, limit: i64) -> Result<PlcPage, StoreError> {
        self.snapshot(move |conn| Box::pin(list(conn, filter, offset, limit))).await
    }

    async fn set_active(
        &self,
        uuid: PlcUuid,
        active: bool,
        now: Timestamp,
    ) -> Result<Option<Plc>, StoreError> {
        self.write(move |conn| Box::pin(set_active(conn, uuid, active, now))).await
    }

    async fn delete(&self, uuids: Vec<PlcUuid>, by: String, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        self.write(move |conn| Box::pin(delete(conn, uuids, by, now))).await
    }

    async fn active(&self, uuids: Vec<PlcUuid>) -> Result<Vec<PlcUuid>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let uuids: Vec<String> = uuids.into_iter().map(|uuid| uuid.0).collect();
                let active: Vec<String> = plcs::table
                    .filter(plcs::uuid.eq_any(uuids))
                    .filter(plcs::active.eq(true))
                    .filter(plcs::deleted_at.is_null())
                    .select(plcs::uuid)
                    .load(conn)
                    .await?;
                Ok(active.into_iter().map(PlcUuid).collect())
            })
        })
        .await
    }
}
