//! Pages that show PLCs. They are kept as if every PLC could be shown, and what must be hidden is
//! taken out each time one is read: that is a rule of security, and a kept page must not outlive it
//! (contract §4.2).

use super::State;
use actix_web::web::Bytes;
use maru_domain::error::{Fault, codes};
use maru_domain::messages::Message;
use maru_domain::plcs::{Hidden, PlcUuid};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A page that may show PLCs, with their ids in a line before it.
pub struct PlcPage {
    plcs: BTreeSet<PlcUuid>,
    bytes: Arc<[u8]>,
    body: usize,
}

/// A page that is about to be written.
pub struct BlankPage {
    plcs: BTreeSet<PlcUuid>,
    bytes: Vec<u8>,
}

/// What a message takes on a page beside its text, about.
const FRAME_BYTES: usize = 512;

impl BlankPage {
    /// The page of this shape, which must hide nothing.
    ///
    /// # Errors
    /// Never in practice: shapes are JSON.
    pub fn written(mut self, shape: &impl Serialize) -> Result<PlcPage, Fault> {
        let body = self.bytes.len();
        let written = serde_json::to_writer(&mut self.bytes, shape);
        written.map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
        Ok(PlcPage { plcs: self.plcs, bytes: self.bytes.into(), body })
    }
}

impl PlcPage {
    /// A page for these messages.
    ///
    /// # Errors
    /// Never in practice: ids are text.
    pub fn blank(messages: &[Message]) -> Result<BlankPage, Fault> {
        let plcs = messages.iter().filter_map(|message| message.plc.as_ref());
        let plcs: BTreeSet<PlcUuid> =
            plcs.filter(|plc| plc.has_snapshot()).map(|plc| plc.uuid.clone()).collect();
        let room = messages.iter().map(|message| message.content.len() + FRAME_BYTES).sum();
        let mut bytes = Vec::with_capacity(room);
        let written = serde_json::to_writer(&mut bytes, &plcs);
        written.map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
        bytes.push(b'\n');
        Ok(BlankPage { plcs, bytes })
    }

    /// The page kept under a key.
    pub async fn kept(state: &State, key: &str) -> Option<Self> {
        let bytes = state.services.pages.get(key.to_owned()).await?;
        let body = bytes.iter().position(|byte| *byte == b'\n')? + 1;
        let plcs = serde_json::from_slice(bytes.get(..body)?).ok()?;
        Some(Self { plcs, bytes, body })
    }

    /// Keeps the page, with everything in it.
    pub async fn keep(&self, state: &State, key: String) {
        state.services.pages.put(key, Arc::clone(&self.bytes)).await;
    }

    /// True when there is something in it that may have to be hidden.
    pub fn shows_plcs(&self) -> bool {
        !self.plcs.is_empty()
    }

    /// What must be hidden of it now.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn hidden(&self, state: &State) -> Result<Hidden, Fault> {
        state.services.plcs.hidden(self.plcs.clone()).await
    }

    /// The page as it may be shown. `items` finds its list, `hide` takes the PLC out of an item when
    /// it is one of `hidden`.
    ///
    /// # Errors
    /// When the page is no JSON: a bug of ours.
    pub fn shown(
        &self,
        hidden: &Hidden,
        items: &str,
        hide: impl Fn(&mut Value, &Hidden),
    ) -> Result<Bytes, Fault> {
        let body = self.bytes.get(self.body..).unwrap_or_default();
        if hidden.is_empty() {
            // Not copied: a page is long, and the same for every answer.
            return Ok(Bytes::from_owner(Arc::clone(&self.bytes)).slice(self.body..));
        }
        let broken = |error: serde_json::Error| Fault::new(&codes::INTERNAL).caused_by(error);
        let mut page: Value = serde_json::from_slice(body).map_err(broken)?;
        for item in page.get_mut(items).and_then(Value::as_array_mut).into_iter().flatten() {
            hide(item, hidden);
        }
        serde_json::to_vec(&page).map(Bytes::from).map_err(broken)
    }
}

/// True when this value is the id of a hidden PLC.
pub fn is_hidden(uuid: Option<&Value>, hidden: &Hidden) -> bool {
    uuid.and_then(Value::as_str).is_some_and(|uuid| hidden.contains(&PlcUuid(uuid.to_owned())))
}
