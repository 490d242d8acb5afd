//! Small histories for tests: instants are whole days, columns are a key, a name and a phone.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::{Origin, Part, ShownColumn, Version};
use super::{Observation, Presence, Source, Standing};
use crate::contract::Role;

/// Midnight of a day, counted from the last of December 2025.
pub(crate) fn instant(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_453 + day)
}

/// `email`, the key; `name`; and `phone`, whose role is given.
pub(crate) fn columns(phone: Role) -> Vec<ShownColumn> {
    [
        ("email", Part::Key, Role::Type2),
        ("name", Part::Value, Role::Type2),
        ("phone", Part::Value, phone),
    ]
    .map(|(name, part, role)| ShownColumn {
        name: name.into(),
        id: name.into(),
        part,
        role,
    })
    .into()
}

/// A version whose name is `Ann1`, `Ann2` and so on, brought by the load of its number.
pub(crate) fn version(number: i32, from: i64, to: Option<i64>) -> Version {
    Version {
        number,
        from: instant(from),
        to: to.map(instant),
        values: vec![Some("ann@x.org".into()), Some(format!("Ann{number}")), None],
        origin: origin(number.into(), Some(2)),
    }
}

/// A line of the file of a load, which was loaded a day after the load's number.
pub(crate) fn origin(load_id: i64, line: Option<i64>) -> Origin {
    Origin {
        load_id,
        line,
        file: Some(format!("users-{load_id}.csv")),
        loaded_at: Some(instant(load_id + 1)),
    }
}

/// A row of line 2 that counts.
pub(crate) fn present(load_id: i64, at: i64) -> Observation {
    Observation {
        at: instant(at),
        presence: Presence::Present,
        source: Source::Row,
        standing: Standing::Counts,
        sequence: Vec::new(),
        columns: None,
        payload: None,
        defaults: BTreeMap::new(),
        misfits: Vec::new(),
        origin: origin(load_id, Some(2)),
    }
}

/// A row of line 2 that says that the key is gone.
pub(crate) fn absent(load_id: i64, at: i64) -> Observation {
    Observation {
        presence: Presence::Absent,
        ..present(load_id, at)
    }
}

/// A snapshot that does not name the key.
pub(crate) fn silence(load_id: i64, at: i64) -> Observation {
    Observation {
        source: Source::Silence,
        origin: origin(load_id, None),
        ..absent(load_id, at)
    }
}

/// The same, of a load that was undone.
pub(crate) fn undone(observation: Observation) -> Observation {
    Observation {
        standing: Standing::Undone,
        ..observation
    }
}

/// The same, with values that the table does not show.
pub(crate) fn saying(observation: Observation, payload: &[(&str, Option<&str>)]) -> Observation {
    let payload = payload
        .iter()
        .map(|(column, value)| ((*column).to_owned(), value.map(ToOwned::to_owned)))
        .collect();
    Observation {
        payload: Some(payload),
        ..observation
    }
}
