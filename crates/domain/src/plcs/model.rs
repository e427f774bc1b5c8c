//! Plants, processes, lines, the PLCs on them, and the rules of what a message shows of a PLC.

use crate::clock::Timestamp;
use crate::error::FieldRule;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;

/// The longest id of the registry, in characters.
pub const ID_CHARS: usize = 50;
/// The longest name of the registry, in characters.
pub const NAME_CHARS: usize = 255;
/// The most rows of one batch.
pub const BATCH: usize = 1_000;

/// A PLC's id. A text, because registries that move to maru bring their own; new ones are UUIDs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlcUuid(pub String);

impl PlcUuid {
    /// An id from outside; `None` for what no PLC can be called.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.chars().count() <= ID_CHARS && !crate::text::has_control(text);
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for PlcUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A factory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plant {
    /// Its id, chosen by the operator.
    pub id: String,
    /// Its short name.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// A process of a plant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: String,
    /// Its short name.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub plant_id: String,
}

/// A line of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// Its short name.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub process_id: String,
}

/// Where PLCs can stand; also what an import brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masters {
    /// The plants.
    pub plants: Vec<Plant>,
    /// The processes.
    pub processes: Vec<Process>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A PLC with the place where it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plc {
    /// Its id.
    pub uuid: PlcUuid,
    /// The name that people call it by; unique among those that are not deleted.
    pub plc_id: String,
    /// What it is called.
    pub name: String,
    /// Which unit of the line.
    pub unit: Option<String>,
    /// Its plant.
    pub plant: Plant,
    /// Its process.
    pub process: Process,
    /// Its line.
    pub line: Line,
    /// Messages show it only while this is true.
    pub active: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// By whom, in the words of the client.
    pub created_by: String,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Plc {
    /// What a message that is created now keeps of it.
    #[must_use]
    pub fn snapshot(&self) -> PlcSnapshot {
        PlcSnapshot {
            plc_uuid: self.uuid.clone(),
            plc_id: self.plc_id.clone(),
            plc_name: self.name.clone(),
            plant_id: self.plant.id.clone(),
            plant_name: self.plant.name.clone(),
            plant_code: self.plant.code.clone(),
            process_id: self.process.id.clone(),
            process_name: self.process.name.clone(),
            process_code: self.process.code.clone(),
            line_id: self.line.id.clone(),
            line_name: self.line.name.clone(),
            line_code: self.line.code.clone(),
            unit: self.unit.clone(),
            created_at: self.created_at,
        }
    }
}

/// A PLC as it was when a message was created. Later changes of the registry do not touch it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlcSnapshot {
    /// Its id.
    pub plc_uuid: PlcUuid,
    /// The name that people called it by.
    pub plc_id: String,
    /// What it was called.
    pub plc_name: String,
    /// Its plant.
    pub plant_id: String,
    /// The plant's name.
    pub plant_name: String,
    /// The plant's short name.
    pub plant_code: String,
    /// Its process.
    pub process_id: String,
    /// The process's name.
    pub process_name: String,
    /// The process's short name.
    pub process_code: String,
    /// Its line.
    pub line_id: String,
    /// The line's name.
    pub line_name: String,
    /// The line's short name.
    pub line_code: String,
    /// Which unit of the line.
    pub unit: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// What a message has of a PLC. The snapshot is not to be read without asking whether the PLC is
/// shown now: that is a rule of security (contract §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePlc {
    /// Which PLC; told whatever became of it.
    pub uuid: PlcUuid,
    /// In a place of its own: most messages have none, and lists of messages are moved about.
    snapshot: Option<Box<PlcSnapshot>>,
}

impl MessagePlc {
    /// What is stored. Replies name the PLC of their message and have no snapshot.
    #[must_use]
    pub fn new(uuid: PlcUuid, snapshot: Option<PlcSnapshot>) -> Self {
        Self { uuid, snapshot: snapshot.map(Box::new) }
    }

    /// The snapshot, unless the PLC is hidden now.
    #[must_use]
    pub fn shown(&self, hidden: &Hidden) -> Option<&PlcSnapshot> {
        self.snapshot.as_deref().filter(|_| !hidden.contains(&self.uuid))
    }

    /// True when there is something that may have to be hidden.
    #[must_use]
    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }
}

/// The PLCs, of those that were asked for, that are inactive or deleted now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden(pub(crate) HashSet<PlcUuid>);

impl Hidden {
    /// None: only for pages that are kept raw and masked each time they are read.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// True when this PLC must not be shown.
    #[must_use]
    pub fn contains(&self, plc: &PlcUuid) -> bool {
        self.0.contains(plc)
    }

    /// True when all that was asked for may be shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hidden ones, in order.
    #[must_use]
    pub fn sorted(&self) -> Vec<&PlcUuid> {
        let mut hidden: Vec<&PlcUuid> = self.0.iter().collect();
        hidden.sort();
        hidden
    }
}

/// A PLC to be registered, as it came: nothing of it is checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlcDraft {
    /// Its id, when it brings one.
    pub uuid: Option<String>,
    /// The name that people call it by.
    pub plc_id: String,
    /// What it is called.
    pub name: String,
    /// Which unit of the line.
    pub unit: Option<String>,
    /// Its plant.
    pub plant_id: String,
    /// Its process, which must be of that plant.
    pub process_id: String,
    /// Its line, which must be of that process.
    pub line_id: String,
    /// Who registers it.
    pub by: String,
}

/// What is to become of a PLC, as it came. A field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlcEdit {
    /// Which.
    pub uuid: String,
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

/// Why a row of a batch was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// A field breaks a rule.
    Field(&'static str, FieldRule),
    /// There is no such line of that process of that plant.
    UnknownLine,
    /// Another PLC has this id.
    Taken,
    /// There is no such PLC.
    Missing,
}

/// A row of a batch that was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFailure {
    /// Its place in the batch, from 0 on.
    pub index: usize,
    /// What it calls its PLC.
    pub plc_id: String,
    /// Why.
    pub fault: RowFault,
}

/// What became of a batch. Each row stands for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchReport {
    /// How many rows were done.
    pub done: usize,
    /// Those that were not, in order.
    pub failed: Vec<RowFailure>,
}

/// Which PLCs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlcFilter {
    /// Of this plant.
    pub plant_id: Option<String>,
    /// Of this process.
    pub process_id: Option<String>,
    /// Of this line.
    pub line_id: Option<String>,
    /// Of this name.
    pub plc_id: Option<String>,
    /// Active ones, or inactive ones.
    pub active: Option<bool>,
}

/// A page of the registry by its number: the wire contract counts pages (contract §4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlcPage {
    /// The PLCs, by `plc_id`.
    pub items: Vec<Plc>,
    /// How many there are in all.
    pub total: i64,
}
