//! The two databases and `schema.rs` say the same.

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use maru_store::Location;
use maru_testkit::throwaway::{Database, Postgres, sqlite_dir};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a column is called, what it holds and whether it may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    class: String,
    nullable: bool,
}

/// The columns in order, and those of the primary key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    columns: Vec<Column>,
    key: Vec<String>,
}

type Tables = BTreeMap<String, Table>;

/// Reads the `table!` macros, whose text is what diesel's types are made from.
fn schema() -> Tables {
    let mut tables = Tables::new();
    let mut current = String::new();
    for line in include_str!("../../src/schema.rs").lines().map(str::trim) {
        let Some(line) = line.strip_suffix('{').or_else(|| line.strip_suffix(',')) else { continue };
        if let Some((name, key)) = line.trim_end().strip_suffix(')').and_then(|line| line.split_once(" (")) {
            current = name.to_owned();
            let key = key.split(", ").map(str::to_owned).collect();
            tables.insert(current.clone(), Table { columns: Vec::new(), key });
        } else if let Some((name, class)) = line.split_once(" -> ") {
            let inner = class.strip_prefix("Nullable<").and_then(|class| class.strip_suffix('>'));
            let column = Column {
                name: name.to_owned(),
                class: inner.unwrap_or(class).to_owned(),
                nullable: inner.is_some(),
            };
            tables.entry(current.clone()).or_default().columns.push(column);
        }
    }
    tables
}

/// The word of a database for a type of `schema.rs`.
fn words(mut tables: Tables, word: impl Fn(&str) -> &'static str) -> Tables {
    for column in tables.values_mut().flat_map(|table| &mut table.columns) {
        column.class = word(&column.class).to_owned();
    }
    tables
}

fn sqlite_word(class: &str) -> &'static str {
    match class {
        "BigInt" | "Integer" | "Bool" | "Moment" => "INTEGER",
        "Text" | "Json" => "TEXT",
        "Binary" | "Id" => "BLOB",
        other => panic!("say here what SQLite calls {other}"),
    }
}

fn postgres_word(class: &str) -> &'static str {
    match class {
        "BigInt" => "bigint",
        "Integer" => "integer",
        "Bool" => "boolean",
        "Moment" => "timestamp with time zone",
        "Text" => "text",
        "Json" => "jsonb",
        "Binary" => "bytea",
        "Id" => "uuid",
        other => panic!("say here what PostgreSQL calls {other}"),
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// A migrated SQLite file.
struct Sqlite {
    location: Location,
    conn: SqliteConnection,
    _dir: TempDir,
}

impl Sqlite {
    async fn migrated() -> Self {
        let dir = sqlite_dir();
        let path = dir.path().join("maru.db");
        let location = Location::Sqlite(path.clone());
        maru_store::migrate(&location).await.unwrap();
        let conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
        Self { location, conn, _dir: dir }
    }

    /// Rows as lines, their columns separated by `|`, as `psql` gives them.
    fn lines(&mut self, sql: &str) -> Vec<Vec<String>> {
        let lines: Vec<Line> = sql_query(sql).load(&mut self.conn).unwrap();
        lines.iter().map(|line| line.line.split('|').map(str::to_owned).collect()).collect()
    }

    fn tables(&mut self) -> Tables {
        tables(self.lines(
            "SELECT m.name || '|' || c.name || '|' || c.type || '|' || iif(c.\"notnull\", 'NO', 'YES') || '|' || c.pk AS line \
             FROM sqlite_schema m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\' \
             ORDER BY m.name, c.cid",
        ))
    }

    /// Unique constraints have no name in SQLite's catalog: they get the one PostgreSQL gives them.
    fn indexes(&mut self) -> BTreeSet<Vec<String>> {
        let lines = self.lines(
            "SELECT m.name || '|' || iif(i.origin = 'u', m.name || '_' || (SELECT group_concat(name, '_') \
             FROM pragma_index_info(i.name)) || '_key', i.name) || '|' || i.\"unique\" || '|' || i.partial || '|' || \
             (SELECT group_concat(name) FROM pragma_index_info(i.name)) AS line \
             FROM sqlite_schema m, pragma_index_list(m.name) i \
             WHERE m.type = 'table' AND i.origin <> 'pk' AND m.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'",
        );
        lines.into_iter().collect()
    }

    fn references(&mut self) -> BTreeSet<Vec<String>> {
        let lines = self.lines(
            "SELECT m.name || '|' || k.\"from\" || '|' || k.\"table\" || '|' || k.\"to\" || '|' || k.on_delete AS line \
             FROM sqlite_schema m, pragma_foreign_key_list(m.name) k WHERE m.type = 'table'",
        );
        lines.into_iter().collect()
    }
}

async fn postgres_lines(database: &Database, sql: &str) -> Vec<Vec<String>> {
    let answer = database.sql(sql).await.unwrap();
    answer.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

async fn postgres_tables(database: &Database) -> Tables {
    let sql = "SELECT c.table_name, c.column_name, c.data_type, c.is_nullable, coalesce(k.ordinal_position, 0) \
               FROM information_schema.columns c \
               LEFT JOIN information_schema.table_constraints t \
                 ON t.table_schema = 'public' AND t.table_name = c.table_name AND t.constraint_type = 'PRIMARY KEY' \
               LEFT JOIN information_schema.key_column_usage k \
                 ON k.constraint_name = t.constraint_name AND k.table_schema = 'public' AND k.column_name = c.column_name \
               WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_\\_diesel%' \
               ORDER BY c.table_name, c.ordinal_position";
    tables(postgres_lines(database, sql).await)
}

async fn postgres_indexes(database: &Database) -> BTreeSet<Vec<String>> {
    let sql = "SELECT t.relname, i.relname, x.indisunique::int, (x.indpred IS NOT NULL)::int, \
               (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(x.indkey) WITH ORDINALITY k (attnum, n) \
                JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) \
               FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid \
               WHERE t.relnamespace = 'public'::regnamespace AND NOT x.indisprimary AND t.relname NOT LIKE '\\_\\_diesel%'";
    postgres_lines(database, sql).await.into_iter().collect()
}

async fn postgres_references(database: &Database) -> BTreeSet<Vec<String>> {
    let sql = "SELECT t.relname, a.attname, f.relname, b.attname, \
               CASE c.confdeltype WHEN 'c' THEN 'CASCADE' ELSE 'another action' END \
               FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid \
               JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1] \
               JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = c.confkey[1] \
               WHERE c.contype = 'f' AND array_length(c.conkey, 1) = 1";
    postgres_lines(database, sql).await.into_iter().collect()
}

/// Table, column, type, `YES` or `NO` for null, place in the primary key or 0.
fn tables(lines: Vec<Vec<String>>) -> Tables {
    let mut tables = Tables::new();
    let mut keys: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for line in lines {
        let [table, name, class, nullable, place] = &line[..] else { panic!("not a column: {line:?}") };
        let column = Column { name: name.clone(), class: class.clone(), nullable: nullable == "YES" };
        tables.entry(table.clone()).or_default().columns.push(column);
        if place != "0" {
            keys.entry(table.clone()).or_default().insert(place.clone(), name.clone());
        }
    }
    for (table, key) in keys {
        tables.entry(table).or_default().key = key.into_values().collect();
    }
    tables
}

async fn migrated_postgres() -> Database {
    let database = Postgres::shared().await.database().await;
    maru_store::migrate(&Location::Postgres(database.url.clone())).await.unwrap();
    database
}

fn migrations(database: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(database)
}

/// The folders in order.
fn names(database: &str) -> Vec<String> {
    let folder = fs::read_dir(migrations(database)).unwrap();
    let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn downs(database: &str) -> String {
    let read = |name: &String| fs::read_to_string(migrations(database).join(name).join("down.sql")).unwrap();
    names(database).iter().rev().map(read).collect()
}

#[test]
fn the_schema_is_read_whole() {
    let tables = schema();
    let text = include_str!("../../src/schema.rs");
    assert_eq!(tables.len(), text.matches("diesel::table!").count());
    let columns: usize = tables.values().map(|table| table.columns.len()).sum();
    assert_eq!(columns, text.matches(" -> ").count());
    assert!(tables.values().all(|table| !table.key.is_empty() && !table.columns.is_empty()), "{tables:?}");
}

#[tokio::test]
async fn sqlite_has_the_tables_of_the_schema() {
    assert_eq!(Sqlite::migrated().await.tables(), words(schema(), sqlite_word));
}

#[tokio::test]
async fn postgres_has_the_tables_of_the_schema() {
    assert_eq!(postgres_tables(&migrated_postgres().await).await, words(schema(), postgres_word));
}

#[tokio::test]
async fn both_databases_have_the_same_indexes_and_references() {
    let (mut sqlite, postgres) = (Sqlite::migrated().await, migrated_postgres().await);
    let indexes = sqlite.indexes();
    assert!(indexes.len() > 10, "{indexes:?}");
    assert_eq!(indexes, postgres_indexes(&postgres).await);
    let references = sqlite.references();
    assert!(references.len() > 5, "{references:?}");
    assert_eq!(references, postgres_references(&postgres).await);
}

#[tokio::test]
async fn both_databases_have_the_same_migrations() {
    assert_eq!(names("sqlite"), names("postgres"));
    let dir = sqlite_dir();
    let location = Location::Sqlite(dir.path().join("maru.db"));
    assert_eq!(maru_store::migrate(&location).await.unwrap(), names("sqlite"));
    assert_eq!(maru_store::migrate(&location).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn what_goes_down_comes_up_again() {
    let mut sqlite = Sqlite::migrated().await;
    let before = (sqlite.tables(), sqlite.indexes(), sqlite.references());
    sqlite.conn.batch_execute(&downs("sqlite")).unwrap();
    assert_eq!(sqlite.tables(), Tables::new());
    sqlite.conn.batch_execute("DELETE FROM __diesel_schema_migrations").unwrap();
    assert_eq!(maru_store::migrate(&sqlite.location).await.unwrap().len(), names("sqlite").len());
    assert_eq!((sqlite.tables(), sqlite.indexes(), sqlite.references()), before);

    let postgres = migrated_postgres().await;
    let before = (postgres_tables(&postgres).await, postgres_indexes(&postgres).await);
    postgres.sql(&downs("postgres")).await.unwrap();
    assert_eq!(postgres_tables(&postgres).await, Tables::new());
    postgres.sql("DELETE FROM __diesel_schema_migrations").await.unwrap();
    let location = Location::Postgres(postgres.url.clone());
    assert_eq!(maru_store::migrate(&location).await.unwrap().len(), names("postgres").len());
    assert_eq!((postgres_tables(&postgres).await, postgres_indexes(&postgres).await), before);
}
