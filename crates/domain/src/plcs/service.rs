//! The use cases of PLCs: masters, the registry, and what may be shown of them now.

use super::ports::{NewPlc, PlcChange, PlcStore};
use super::{
    BATCH, BatchReport, Hidden, ID_CHARS, Masters, NAME_CHARS, Plc, PlcDraft, PlcEdit, PlcFilter, PlcPage,
    PlcUuid, RowFailure, RowFault,
};
use crate::clock::Clock;
use crate::error::{Fault, FieldFault, FieldRule, codes};
use crate::ids::Ids;
use crate::messages::Message;
use crate::text::{CleanText, TextFault};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// The use cases of PLCs.
#[derive(Clone)]
pub struct Plcs {
    pub(crate) store: Arc<dyn PlcStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

impl Plcs {
    /// Adds masters, or gives those of the same id their new fields; all or nothing.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with the fields, `UNKNOWN_MASTER` when a plant or process that is named is
    /// not there, or when the store is away.
    pub async fn put_masters(&self, masters: Masters) -> Result<(), Fault> {
        check_masters(&masters)?;
        if self.store.put_masters(masters).await? { Ok(()) } else { Err(Fault::new(&codes::UNKNOWN_MASTER)) }
    }

    /// All masters.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn masters(&self) -> Result<Masters, Fault> {
        Ok(self.store.masters().await?)
    }

    /// Registers PLCs, active. A row that is refused does not stop the others.
    ///
    /// # Errors
    /// `BATCH_TOO_LARGE`, or when the store is away.
    pub async fn register(&self, drafts: Vec<PlcDraft>) -> Result<BatchReport, Fault> {
        check_size(drafts.len())?;
        let rows = drafts.into_iter().map(|draft| (draft.plc_id.clone(), self.checked(draft)));
        let (batch, new) = Batch::of(rows);
        let outcomes = self.store.register(new, self.clock.now()).await?;
        Ok(batch.report(outcomes))
    }

    fn checked(&self, draft: PlcDraft) -> Result<NewPlc, RowFault> {
        Ok(NewPlc {
            uuid: match draft.uuid {
                Some(uuid) => PlcUuid(field("plc_uuid", uuid, ID_CHARS)?),
                None => PlcUuid(self.ids.next().to_string()),
            },
            plc_id: field("plc_id", draft.plc_id, ID_CHARS)?,
            name: field("plc_name", draft.name, NAME_CHARS)?,
            unit: optional("unit", draft.unit, ID_CHARS)?,
            plant_id: field("plant_id", draft.plant_id, ID_CHARS)?,
            process_id: field("process_id", draft.process_id, ID_CHARS)?,
            line_id: field("line_id", draft.line_id, ID_CHARS)?,
            by: field("create_user", draft.by, NAME_CHARS)?,
        })
    }

    /// Changes PLCs. A row that is refused does not stop the others. Snapshots stay as they are.
    ///
    /// # Errors
    /// `BATCH_TOO_LARGE`, or when the store is away.
    pub async fn change(&self, edits: Vec<PlcEdit>) -> Result<BatchReport, Fault> {
        check_size(edits.len())?;
        let name = |edit: &PlcEdit| edit.plc_id.clone().unwrap_or_else(|| edit.uuid.clone());
        let (batch, changes) = Batch::of(edits.into_iter().map(|edit| (name(&edit), change(edit))));
        let outcomes = self.store.change(changes, self.clock.now()).await?;
        Ok(batch.report(outcomes))
    }

    /// A PLC.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn find(&self, plc: PlcUuid) -> Result<Option<Plc>, Fault> {
        Ok(self.store.find(plc).await?)
    }

    /// A part of the list by `plc_id`.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn list(&self, filter: PlcFilter, offset: i64, limit: i64) -> Result<PlcPage, Fault> {
        Ok(self.store.list(filter, offset, limit).await?)
    }

    /// Every PLC, by `plc_id`.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn all(&self) -> Result<Vec<Plc>, Fault> {
        Ok(self.store.list(PlcFilter::default(), 0, i64::MAX).await?.items)
    }

    /// Shows or hides a PLC in all messages, old ones too.
    ///
    /// # Errors
    /// `PLC_NOT_FOUND`, or when the store is away.
    pub async fn set_active(&self, plc: PlcUuid, active: bool) -> Result<Plc, Fault> {
        let found = self.store.set_active(plc, active, self.clock.now()).await?;
        found.ok_or_else(|| Fault::new(&codes::PLC_NOT_FOUND))
    }

    /// Deletes PLCs; those that are not there are reported.
    ///
    /// # Errors
    /// `BATCH_TOO_LARGE`, or when the store is away.
    pub async fn delete(&self, plcs: Vec<String>, by: String) -> Result<BatchReport, Fault> {
        check_size(plcs.len())?;
        let id = |plc: &String| PlcUuid::parse(plc).ok_or(RowFault::Missing);
        let (batch, ids) = Batch::of(plcs.into_iter().map(|plc| (plc.clone(), id(&plc))));
        let there = self.store.delete(ids, by, self.clock.now()).await?;
        let outcomes = there.into_iter().map(|there| if there { Ok(()) } else { Err(RowFault::Missing) });
        Ok(batch.report(outcomes.collect()))
    }

    /// Of these PLCs, those that must not be shown now.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn hidden(&self, plcs: BTreeSet<PlcUuid>) -> Result<Hidden, Fault> {
        // Most messages are about no PLC: they cost no query.
        if plcs.is_empty() {
            return Ok(Hidden::none());
        }
        let shown: HashSet<PlcUuid> =
            self.store.active(plcs.iter().cloned().collect()).await?.into_iter().collect();
        Ok(Hidden(plcs.into_iter().filter(|plc| !shown.contains(plc)).collect()))
    }

    /// Of the PLCs that these messages show, those that must not be shown now.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn hidden_in<'m>(
        &self,
        messages: impl IntoIterator<Item = &'m Message>,
    ) -> Result<Hidden, Fault> {
        let plcs = messages.into_iter().filter_map(|message| message.plc.as_ref());
        self.hidden(plcs.filter(|plc| plc.has_snapshot()).map(|plc| plc.uuid.clone()).collect()).await
    }
}

fn check_size(rows: usize) -> Result<(), Fault> {
    if rows > BATCH { Err(Fault::new(&codes::BATCH_TOO_LARGE)) } else { Ok(()) }
}

/// A field that must be there. Ids and names are one line: no control characters, no blank ends.
fn field(name: &'static str, text: String, max: usize) -> Result<String, RowFault> {
    if text.trim().is_empty() {
        return Err(RowFault::Field(name, FieldRule::Required));
    }
    if text.trim() != text || crate::text::has_control(&text) {
        return Err(RowFault::Field(name, FieldRule::Characters));
    }
    match CleanText::bounded(text, max) {
        Ok(text) => Ok(text.into_string()),
        Err(TextFault::TooLong(max)) => Err(RowFault::Field(name, FieldRule::TooLong(max))),
        Err(TextFault::Blank | TextFault::Control) => Err(RowFault::Field(name, FieldRule::Characters)),
    }
}

/// A field that may be missing; an empty one is missing.
fn optional(name: &'static str, text: Option<String>, max: usize) -> Result<Option<String>, RowFault> {
    text.filter(|text| !text.trim().is_empty()).map(|text| field(name, text, max)).transpose()
}

fn change(edit: PlcEdit) -> Result<PlcChange, RowFault> {
    let given = |name, text: Option<String>, max| text.map(|text| field(name, text, max)).transpose();
    Ok(PlcChange {
        uuid: PlcUuid(field("plc_uuid", edit.uuid, ID_CHARS)?),
        plc_id: given("plc_id", edit.plc_id, ID_CHARS)?,
        name: given("plc_name", edit.name, NAME_CHARS)?,
        unit: given("unit", edit.unit, ID_CHARS)?,
        plant_id: given("plant_id", edit.plant_id, ID_CHARS)?,
        process_id: given("process_id", edit.process_id, ID_CHARS)?,
        line_id: given("line_id", edit.line_id, ID_CHARS)?,
    })
}

fn check_masters(masters: &Masters) -> Result<(), Fault> {
    check_size(masters.plants.len() + masters.processes.len() + masters.lines.len())?;
    let plants = masters.plants.iter().map(|plant| (&plant.id, &plant.code, &plant.name, None));
    let processes = masters
        .processes
        .iter()
        .map(|process| (&process.id, &process.code, &process.name, Some(("plant_id", &process.plant_id))));
    let lines = masters
        .lines
        .iter()
        .map(|line| (&line.id, &line.code, &line.name, Some(("process_id", &line.process_id))));
    for (id, code, name, parent) in plants.chain(processes).chain(lines) {
        let fields = [("id", id, ID_CHARS), ("code", code, ID_CHARS), ("name", name, NAME_CHARS)];
        let parent = parent.map(|(name, parent)| (name, parent, ID_CHARS));
        for (name, text, max) in fields.into_iter().chain(parent) {
            if let Err(RowFault::Field(field, rule)) = field(name, text.clone(), max) {
                return Err(Fault::fields(vec![FieldFault { field, rule }]));
            }
        }
    }
    Ok(())
}

/// The rows of a batch: those that go to the store, and what is said of the others already.
struct Batch {
    rows: Vec<(String, Option<RowFault>)>,
}

impl Batch {
    fn of<T>(rows: impl Iterator<Item = (String, Result<T, RowFault>)>) -> (Self, Vec<T>) {
        let mut good = Vec::new();
        let rows = rows.map(|(plc_id, row)| match row {
            Ok(row) => {
                good.push(row);
                (plc_id, None)
            }
            Err(fault) => (plc_id, Some(fault)),
        });
        let rows = rows.collect();
        (Self { rows }, good)
    }

    /// With what the store says of those it was given, in their order.
    fn report(self, outcomes: Vec<Result<(), RowFault>>) -> BatchReport {
        let mut outcomes = outcomes.into_iter();
        let mut report = BatchReport::default();
        for (index, (plc_id, fault)) in self.rows.into_iter().enumerate() {
            let fault = fault.or_else(|| outcomes.next().and_then(Result::err));
            match fault {
                None => report.done += 1,
                Some(fault) => report.failed.push(RowFailure { index, plc_id, fault }),
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_refuses_goes_to_its_own_row() {
        let rows = [("a", Ok(1)), ("b", Err(RowFault::Missing)), ("c", Ok(2)), ("d", Ok(3))];
        let (batch, good) = Batch::of(rows.map(|(name, row)| (name.to_owned(), row)).into_iter());
        assert_eq!(good, [1, 2, 3]);
        let report = batch.report(vec![Ok(()), Err(RowFault::Taken), Ok(())]);
        let failed: Vec<_> = report.failed.iter().map(|row| (row.index, row.plc_id.as_str())).collect();
        assert_eq!((report.done, failed), (2, vec![(1, "b"), (2, "c")]));
        assert_eq!(report.failed[1].fault, RowFault::Taken);
    }

    #[test]
    fn fields_are_one_line_without_blank_ends() {
        assert_eq!(field("unit", "1".into(), 3), Ok("1".to_owned()));
        assert_eq!(field("unit", " ".into(), 3), Err(RowFault::Field("unit", FieldRule::Required)));
        for bad in [" 1", "1 ", "a\tb", "a\nb"] {
            assert_eq!(field("unit", bad.into(), 9), Err(RowFault::Field("unit", FieldRule::Characters)));
        }
        assert_eq!(field("unit", "1234".into(), 3), Err(RowFault::Field("unit", FieldRule::TooLong(3))));
    }
}
