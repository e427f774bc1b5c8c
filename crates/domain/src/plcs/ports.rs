//! What PLCs need from outside.

use super::{Masters, Plc, PlcFilter, PlcPage, PlcUuid, RowFault};
use crate::clock::Timestamp;
use crate::error::StoreError;
use async_trait::async_trait;

/// A PLC that keeps the rules of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPlc {
    /// Its id.
    pub uuid: PlcUuid,
    /// The name that people call it by.
    pub plc_id: String,
    /// What it is called.
    pub name: String,
    /// Which unit of the line.
    pub unit: Option<String>,
    /// Its plant.
    pub plant_id: String,
    /// Its process.
    pub process_id: String,
    /// Its line.
    pub line_id: String,
    /// Who registers it.
    pub by: String,
}

/// A change of a PLC that keeps the rules of its fields. A field that is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlcChange {
    /// Which.
    pub uuid: PlcUuid,
    /// The name that people call it by.
    pub plc_id: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// Which unit of the line.
    pub unit: Option<String>,
    /// Its plant.
    pub plant_id: Option<String>,
    /// Its process.
    pub process_id: Option<String>,
    /// Its line.
    pub line_id: Option<String>,
}

/// The registry of PLCs.
#[async_trait]
pub trait PlcStore: Send + Sync {
    /// Adds masters, or gives those of the same id their new fields; all or nothing. False, and
    /// nothing is done, when a plant or process that is named is not there.
    async fn put_masters(&self, masters: Masters) -> Result<bool, StoreError>;

    /// All masters, each list by code.
    async fn masters(&self) -> Result<Masters, StoreError>;

    /// Registers PLCs, active. What became of each, in their order; one that is refused does not
    /// stop the others.
    async fn register(
        &self,
        plcs: Vec<NewPlc>,
        now: Timestamp,
    ) -> Result<Vec<Result<(), RowFault>>, StoreError>;

    /// Changes PLCs that are there. As [`PlcStore::register`].
    async fn change(
        &self,
        changes: Vec<PlcChange>,
        now: Timestamp,
    ) -> Result<Vec<Result<(), RowFault>>, StoreError>;

    /// A PLC that is not deleted.
    async fn find(&self, plc: PlcUuid) -> Result<Option<Plc>, StoreError>;

    /// A part of the list by `plc_id`.
    async fn list(&self, filter: PlcFilter, offset: i64, limit: i64) -> Result<PlcPage, StoreError>;

    /// Shows or hides a PLC. `None` when it is not there.
    async fn set_active(&self, plc: PlcUuid, active: bool, now: Timestamp)
    -> Result<Option<Plc>, StoreError>;

    /// Deletes PLCs: nothing shows them any more, and what messages say of them is kept. Whether
    /// each was there.
    async fn delete(&self, plcs: Vec<PlcUuid>, by: String, now: Timestamp) -> Result<Vec<bool>, StoreError>;

    /// Those of these that are active and not deleted.
    async fn active(&self, plcs: Vec<PlcUuid>) -> Result<Vec<PlcUuid>, StoreError>;
}
