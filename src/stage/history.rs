//! What a row says of its place in history: what was done to its key, when, and in what order.
//!
//! In: a record, and the fields that the contract names for this. Out: the presence, the instant
//! and the sequence of the row, with what is wrong with them. The table's columns are not its
//! business: a field that is one too is read again as one.

use super::StageFault;
use super::csv;
use super::reject::{Place, Reject, RejectColumn, RejectKind};
use super::rows::Presence;
use super::value::instant::{Clarity, InstantParser};
use super::value::{self, ValueFault};
use crate::contract::{Contract, Effective, History, Kind, Mode};

/// The fields of a file that are read here; positions in its header.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Fields {
    pub(super) op: Option<usize>,
    pub(super) effective: Option<usize>,
    pub(super) sequence: Vec<usize>,
}

/// Reads them. Made once a file; of a table of facts, or one whose rows all hold from one instant,
/// it has nothing to read.
pub(super) struct HistoryParser {
    op: Option<Field>,
    effective: Option<(Field, InstantParser)>,
    sequence: Vec<Field>,
}

/// What one row says.
pub(super) struct Said {
    /// Whether its key is there; `None` where that cannot be told.
    pub(super) presence: Option<Presence>,
    /// Microseconds since 1970 in UTC; `None` where rows have no instant of their own.
    pub(super) at: Option<i64>,
}

/// What is wrong with a row, and what is worth knowing of it. Of one field each is said once: it
/// may be read for its place in history, and again as a column.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) rejects: Vec<Reject>,
    pub(super) warnings: Vec<Reject>,
}

struct Field {
    position: usize,
    name: String,
}

/// The names that the contract has for these fields.
pub(super) fn names(contract: &Contract) -> Vec<&str> {
    let Some(history) = history_of(contract) else {
        return Vec::new();
    };
    let sequence = history.sequence.iter().map(|field| field.name.as_str());
    op_name(history)
        .into_iter()
        .chain(effective_name(history))
        .chain(sequence)
        .collect()
}

/// Finds the fields; `position` looks for a name in the header.
pub(super) fn find(contract: &Contract, position: impl Fn(&str) -> Option<usize>) -> Fields {
    let Some(history) = history_of(contract) else {
        return Fields::default();
    };
    Fields {
        op: op_name(history).and_then(&position),
        effective: effective_name(history).and_then(&position),
        sequence: history
            .sequence
            .iter()
            .filter_map(|field| position(&field.name))
            .collect(),
    }
}

fn history_of(contract: &Contract) -> Option<&History> {
    match &contract.kind {
        Kind::Dimension { history, .. } => Some(history),
        Kind::Fact { .. } => None,
    }
}

fn op_name(history: &History) -> Option<&str> {
    match &history.mode {
        Mode::Feed { op } => Some(op),
        Mode::Incremental | Mode::Snapshot => None,
    }
}

fn effective_name(history: &History) -> Option<&str> {
    match &history.effective {
        Effective::Column { name, .. } => Some(name),
        Effective::LoadTime | Effective::FileName { .. } | Effective::Sidecar { .. } => None,
    }
}

impl Fields {
    pub(super) fn contains(&self, field: usize) -> bool {
        self.op == Some(field) || self.effective == Some(field) || self.sequence.contains(&field)
    }
}

impl HistoryParser {
    /// `header` has the names of the file's fields.
    pub(super) fn new(
        contract: &Contract,
        fields: &Fields,
        header: &[String],
    ) -> Result<Self, StageFault> {
        let named = |position: usize| Field {
            position,
            name: header.get(position).cloned().unwrap_or_default(),
        };
        let effective = match (history_of(contract), fields.effective) {
            (
                Some(History {
                    effective: Effective::Column { format, zone, .. },
                    ..
                }),
                Some(position),
            ) => {
                let parser = InstantParser::new(format.as_deref(), *zone)
                    .map_err(|fault| StageFault::Contract(fault.to_string()))?;
                Some((named(position), parser))
            }
            _ => None,
        };
        Ok(Self {
            op: fields.op.map(named),
            effective,
            sequence: fields.sequence.iter().copied().map(named).collect(),
        })
    }

    /// Reads one record, and appends its sequence: bytes that sort as the numbers do. What was found
    /// wrong is in the notes.
    pub(super) fn parse(
        &self,
        fields: &csv::Fields<'_>,
        place: Place,
        sequence: &mut Vec<u8>,
        notes: &mut Notes,
    ) -> Said {
        let presence = self.presence(fields, place, notes);
        let at = self.instant(fields, place, notes);
        self.read_sequence(fields, place, sequence, notes);
        Said { presence, at }
    }

    fn presence(
        &self,
        fields: &csv::Fields<'_>,
        place: Place,
        notes: &mut Notes,
    ) -> Option<Presence> {
        let Some(field) = &self.op else {
            return Some(Presence::Present);
        };
        let presence = presence(&fields[field.position]);
        if presence.is_none() {
            let message = "does not say what was done; it can be i, c, r, insert, create or read, \
                           u or update, upsert, d or delete";
            notes.refuse(field.reject(place, RejectKind::BadOp, message));
        }
        presence
    }

    fn instant(&self, fields: &csv::Fields<'_>, place: Place, notes: &mut Notes) -> Option<i64> {
        let (field, parser) = self.effective.as_ref()?;
        let text = &fields[field.position];
        if text.is_empty() {
            let message = "has no value, and it is the instant from which on the row holds";
            notes.refuse(field.reject(place, RejectKind::BadInstant, message));
            return None;
        }
        match parser.read_moment(text) {
            Ok(moment) => {
                if moment.clarity == Clarity::Ambiguous {
                    let fault = ValueFault::ambiguous_time();
                    notes.warn(field.reject(place, fault.kind, &fault.message));
                }
                Some(moment.at.timestamp_micros())
            }
            Err(fault) => {
                let kind = match fault.kind {
                    RejectKind::NonexistentTime => RejectKind::NonexistentTime,
                    _ => RejectKind::BadInstant,
                };
                notes.refuse(field.reject(place, kind, &fault.message));
                None
            }
        }
    }

    fn read_sequence(
        &self,
        fields: &csv::Fields<'_>,
        place: Place,
        bytes: &mut Vec<u8>,
        notes: &mut Notes,
    ) {
        for field in &self.sequence {
            match sequence_number(&fields[field.position]) {
                // With the sign bit turned over, the bytes of negative numbers come first.
                Ok(number) => bytes.extend((number ^ i64::MIN).to_be_bytes()),
                Err(fault) => notes.refuse(field.reject(place, fault.kind, &fault.message)),
            }
        }
    }
}

impl Notes {
    pub(super) fn refuse(&mut self, reject: Reject) {
        if !self
            .rejects
            .iter()
            .any(|earlier| same_field(earlier, &reject))
        {
            self.rejects.push(reject);
        }
    }

    pub(super) fn warn(&mut self, warning: Reject) {
        if !self
            .warnings
            .iter()
            .any(|earlier| same_field(earlier, &warning))
        {
            self.warnings.push(warning);
        }
    }
}

fn same_field(one: &Reject, other: &Reject) -> bool {
    let number = |reject: &Reject| reject.column.as_ref().map(|column| column.number);
    number(one).is_some() && number(one) == number(other)
}

impl Field {
    /// What is wrong, said of the field.
    fn reject(&self, place: Place, kind: RejectKind, message: &str) -> Reject {
        Reject {
            place,
            column: Some(RejectColumn {
                number: self.position + 1,
                name: self.name.clone(),
            }),
            kind,
            message: format!("`{}` {message}.", self.name),
        }
    }
}

fn presence(word: &[u8]) -> Option<Presence> {
    const PRESENT: [&str; 9] = [
        "i", "c", "r", "u", "insert", "create", "read", "update", "upsert",
    ];
    const ABSENT: [&str; 2] = ["d", "delete"];
    let is_one_of = |words: &[&str]| {
        words
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
    };
    if is_one_of(&PRESENT) {
        Some(Presence::Present)
    } else {
        is_one_of(&ABSENT).then_some(Presence::Absent)
    }
}

fn sequence_number(field: &[u8]) -> Result<i64, ValueFault> {
    if field.is_empty() {
        return Err(ValueFault {
            kind: RejectKind::NotNull,
            message: "has no value, and it decides between rows of one key".into(),
        });
    }
    value::whole_number(field)
}
