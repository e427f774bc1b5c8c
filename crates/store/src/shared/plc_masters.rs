//! Plants, processes and lines: where PLCs stand.

use super::fragments::Prepare;
use super::{Conn, Db};
use crate::error::Abort;
use crate::schema::{lines, plants, processes};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::plcs::{Line, Masters, Plant, Process};

#[derive(Queryable, Selectable)]
#[diesel(table_name = plants, check_for_backend(Db))]
pub struct PlantRow {
    id: String,
    code: String,
    name: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = processes, check_for_backend(Db))]
pub struct ProcessRow {
    id: String,
    plant_id: String,
    code: String,
    name: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = lines, check_for_backend(Db))]
pub struct LineRow {
    id: String,
    process_id: String,
    code: String,
    name: String,
}

impl From<PlantRow> for Plant {
    fn from(row: PlantRow) -> Self {
        Self { id: row.id, code: row.code, name: row.name }
    }
}

impl From<ProcessRow> for Process {
    fn from(row: ProcessRow) -> Self {
        Self { id: row.id, code: row.code, name: row.name, plant_id: row.plant_id }
    }
}

impl From<LineRow> for Line {
    fn from(row: LineRow) -> Self {
        Self { id: row.id, code: row.code, name: row.name, process_id: row.process_id }
    }
}

pub async fn put_masters(conn: &mut Conn, masters: Masters) -> Result<bool, Abort<bool>> {
    for plant in masters.plants {
        diesel::insert_into(plants::table)
            .values((plants::id.eq(plant.id), plants::code.eq(&plant.code), plants::name.eq(&plant.name)))
            .on_conflict(plants::id)
            .do_update()
            .set((plants::code.eq(&plant.code), plants::name.eq(&plant.name)))
            .prepared()
            .execute(conn)
            .await?;
    }
    for process in masters.processes {
        let plant = plants::table.filter(plants::id.eq(&process.plant_id));
        if plant.count().get_result::<i64>(conn).await? == 0 {
            return Err(Abort::With(false));
        }
        let fields = (
            processes::plant_id.eq(&process.plant_id),
            processes::code.eq(&process.code),
            processes::name.eq(&process.name),
        );
        diesel::insert_into(processes::table)
            .values((processes::id.eq(&process.id), fields))
            .on_conflict(processes::id)
            .do_update()
            .set(fields)
            .prepared()
            .execute(conn)
            .await?;
    }
    for line in masters.lines {
        let process = processes::table.filter(processes::id.eq(&line.process_id));
        if process.count().get_result::<i64>(conn).await? == 0 {
            return Err(Abort::With(false));
        }
        let fields =
            (lines::process_id.eq(&line.process_id), lines::code.eq(&line.code), lines::name.eq(&line.name));
        diesel::insert_into(lines::table)
            .values((lines::id.eq(&line.id), fields))
            .on_conflict(lines::id)
            .do_update()
            .set(fields)
            .prepared()
            .execute(conn)
            .await?;
    }
    Ok(true)
}

pub async fn masters(conn: &mut Conn) -> Result<Masters, Abort<Masters>> {
    let plants: Vec<PlantRow> = plants::table
        .order((plants::code.asc(), plants::id.asc()))
        .select(PlantRow::as_select())
        .load(conn)
        .await?;
    let processes: Vec<ProcessRow> = processes::table
        .order((processes::code.asc(), processes::id.asc()))
        .select(ProcessRow::as_select())
        .load(conn)
        .await?;
    let lines: Vec<LineRow> = lines::table
        .order((lines::code.asc(), lines::id.asc()))
        .select(LineRow::as_select())
        .load(conn)
        .await?;
    Ok(Masters {
        plants: plants.into_iter().map(Plant::from).collect(),
        processes: processes.into_iter().map(Process::from).collect(),
        lines: lines.into_iter().map(Line::from).collect(),
    })
}

/// True when the line is one of that process of that plant.
pub async fn is_place(conn: &mut Conn, line: &str, process: &str, plant: &str) -> QueryResult<bool> {
    let place = lines::table
        .inner_join(processes::table.on(processes::id.eq(lines::process_id)))
        .filter(lines::id.eq(line))
        .filter(processes::id.eq(process))
        .filter(processes::plant_id.eq(plant));
    diesel::select(diesel::dsl::exists(place.select(lines::id))).get_result(conn).await
}
