//! From when on a file holds, where neither its rows nor the clock say so: the instant in its
//! name, or in the small file beside it, its sidecar. The watch sees to it that a sidecar travels
//! with its file and never looks into it; it is read here.

use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::contract::file::{EffectiveEntry, KindEntry};
use crate::contract::{Completeness, Contract, ContractFile, Contracts, Effective, History, Kind};
use crate::merge::Instant;
use crate::stage::value::instant::{Found, InstantParser};
use crate::watch::{Arrival, Beside, Routes, SIDECAR};

/// A sidecar holds one instant. What is longer is something else.
const LONGEST: u64 = 1024;

/// Why it is not known from when on a file holds.
#[derive(Debug, Error)]
pub enum InstantFault {
    /// The name has no instant in it.
    #[error(
        "The name of the file must have the instant from which on it holds, in the format \
         {pattern}, and has none. Name it again, or correct `effective` in hayloft.toml."
    )]
    NotInName {
        /// The contract's pattern.
        pattern: String,
    },
    /// The name can be read in more than one way.
    #[error(
        "The name of the file has more than one instant in the format {pattern}. Which of them it \
         holds from cannot be told: give it a name with one, or put the text around the instant \
         into the format."
    )]
    TwiceInName {
        /// The contract's pattern.
        pattern: String,
    },
    /// There is no sidecar.
    #[error(
        "There is no `{name}` beside the file, which says from when on it holds. Write the instant \
         into it, such as 2026-11-21T09:30:00Z or 2026-11-21."
    )]
    NoSidecar {
        /// The sidecar's name.
        name: String,
    },
    /// The sidecar holds something else.
    #[error(
        "`{name}` must hold one instant, such as 2026-11-21T09:30:00Z or 2026-11-21: it {why}."
    )]
    BadSidecar {
        /// The sidecar's name.
        name: String,
        /// What is wrong with it, as a predicate.
        why: String,
    },
    /// The instant is one that a local clock skips, or the like.
    #[error("The instant in the name of the file {why}.")]
    BadName {
        /// What is wrong with it, as a predicate.
        why: String,
    },
    /// The instant is too far ahead of the clock.
    #[error(
        "The file would hold from an instant that is more than {limit} ahead of the clock, which \
         max_future does not allow. Is the year right?"
    )]
    Future {
        /// The limit, in words.
        limit: String,
    },
    /// The instant is too long ago.
    #[error(
        "The file would hold from an instant that is more than {limit} ago, which horizon does not \
         allow. Is the year right?"
    )]
    Past {
        /// The limit, in words.
        limit: String,
    },
    /// The sidecar cannot be read.
    #[error("The sidecar `{name}` cannot be read: {source}.")]
    Unreadable {
        /// The sidecar's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The contract's pattern cannot be compiled. Contracts are checked at the start.
    #[error("{0}")]
    Contract(String),
}

/// The names that the tables take, which tables they refer to, and which of them come with a sidecar.
#[must_use]
pub fn routes(contracts: &Contracts) -> Routes {
    let with_sidecar = contracts
        .iter()
        .filter(|contract| takes_sidecar(contract))
        .map(|contract| contract.name.clone());
    Routes::new(contracts.routes().iter().cloned())
        .with_references(contracts.dependencies())
        .with_sidecars(with_sidecar)
        .with_completeness(contracts.completeness().clone())
}

/// The same by what people wrote, for whoever looks without a database.
#[must_use]
pub fn routes_of(file: &ContractFile) -> Routes {
    let all = file.tables.iter();
    let with_sidecar = all.clone().filter(|entry| {
        matches!(
            &entry.kind,
            KindEntry::Dimension { history, .. } if history.effective == EffectiveEntry::Sidecar
        )
    });
    Routes::new(
        all.clone()
            .map(|entry| (entry.name.clone(), entry.pattern.clone())),
    )
    .with_sidecars(with_sidecar.map(|entry| entry.name.clone()))
    .with_completeness(all.map(|entry| (entry.name.clone(), file.completeness(entry))))
}

/// What lies beside each file of a table.
pub(super) fn beside(contracts: &Contracts, contract: &Contract) -> Vec<Beside> {
    let completeness = contracts.completeness().get(&contract.name);
    let marker = completeness.and_then(Completeness::marker);
    let marker = marker.map(|suffix| Beside::Marker(suffix.to_owned()));
    let sidecar = takes_sidecar(contract).then_some(Beside::Effective);
    sidecar.into_iter().chain(marker).collect()
}

/// From when on a file holds.
pub(super) fn of(contract: &Contract, arrival: &Arrival) -> Result<Instant, InstantFault> {
    let Kind::Dimension { history, .. } = &contract.kind else {
        return Ok(Instant::LoadTime);
    };
    let at = match &history.effective {
        // Where the rows have instants, the merge takes each row's own.
        Effective::LoadTime | Effective::Column { .. } => return Ok(Instant::LoadTime),
        Effective::FileName { pattern, zone } => {
            let parser = InstantParser::new(Some(pattern), *zone)
                .map_err(|fault| InstantFault::Contract(fault.to_string()))?;
            in_name(&parser, pattern, arrival.delivered_name().as_bytes())?
        }
        Effective::Sidecar { zone } => {
            let parser = InstantParser::new(None, *zone)
                .map_err(|fault| InstantFault::Contract(fault.to_string()))?;
            in_sidecar(&parser, arrival)?
        }
    };
    not_too_far_away(at, history, Utc::now())
}

fn takes_sidecar(contract: &Contract) -> bool {
    matches!(
        &contract.kind,
        Kind::Dimension { history, .. } if matches!(history.effective, Effective::Sidecar { .. })
    )
}

fn in_name(
    parser: &InstantParser,
    pattern: &str,
    name: &[u8],
) -> Result<DateTime<Utc>, InstantFault> {
    let pattern = || pattern.to_owned();
    match parser.find(stem(name)) {
        Found::One(at) => Ok(at),
        Found::Nothing => Err(InstantFault::NotInName { pattern: pattern() }),
        Found::Several => Err(InstantFault::TwiceInName { pattern: pattern() }),
        Found::Unusable(fault) => Err(InstantFault::BadName { why: fault.message }),
    }
}

/// The name without what it says of the format. What else follows a dot may be a part of a date.
fn stem(name: &[u8]) -> &[u8] {
    match name.split_last_chunk::<4>() {
        Some((stem, ending)) if ending.eq_ignore_ascii_case(b".csv") => stem,
        _ => name,
    }
}

fn in_sidecar(parser: &InstantParser, arrival: &Arrival) -> Result<DateTime<Utc>, InstantFault> {
    let name = format!("{}{SIDECAR}", arrival.name());
    let text = match read(arrival) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(InstantFault::NoSidecar { name });
        }
        Err(source) => return Err(InstantFault::Unreadable { name, source }),
    };
    let bad = |why: &str| InstantFault::BadSidecar {
        name: name.clone(),
        why: why.to_owned(),
    };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err(bad("is empty"));
    }
    parser.read(text).map_err(|fault| bad(&fault.message))
}

/// The sidecar's beginning, which is more than all of a good one. A link is not followed: it may
/// have been put there by somebody who may not read what it leads to.
fn read(arrival: &Arrival) -> io::Result<Vec<u8>> {
    let (folder, name) = arrival.directory()?;
    let file = folder.open_file(&Beside::Effective.name(&name))?;
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text)?;
    Ok(text)
}

fn not_too_far_away(
    at: DateTime<Utc>,
    history: &History,
    now: DateTime<Utc>,
) -> Result<Instant, InstantFault> {
    if at.signed_duration_since(now) > history.max_future {
        let limit = in_words(history.max_future);
        return Err(InstantFault::Future { limit });
    }
    if let Some(horizon) = history.horizon
        && now.signed_duration_since(at) > horizon
    {
        let limit = in_words(horizon);
        return Err(InstantFault::Past { limit });
    }
    Ok(Instant::Delivered(at))
}

fn in_words(time: TimeDelta) -> String {
    let seconds = time.num_seconds();
    let (count, unit) = match seconds {
        _ if seconds % 86_400 == 0 => (seconds / 86_400, "day"),
        _ if seconds % 3600 == 0 => (seconds / 3600, "hour"),
        _ if seconds % 60 == 0 => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use chrono_tz::Tz;

    use super::*;
    use crate::contract::{Deletes, Late, Mode, TableName};

    fn named(pattern: &str, zone: Tz, name: &str) -> Result<String, String> {
        let parser = InstantParser::new(Some(pattern), zone).unwrap();
        in_name(&parser, pattern, name.as_bytes())
            .map(|at| at.to_rfc3339())
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_instant_is_found_anywhere_in_the_name() {
        for (pattern, name, expected) in [
            (
                "%Y-%m-%d",
                "users-2026-11-21.csv",
                "2026-11-21T00:00:00+00:00",
            ),
            (
                "%Y%m%d",
                "users.20261121.full.CSV",
                "2026-11-21T00:00:00+00:00",
            ),
            ("%Y.%m.%d", "users.2026.11.21", "2026-11-21T00:00:00+00:00"),
            (
                "%Y%m%dT%H%M",
                "users-20261121T0930-x7.csv",
                "2026-11-21T09:30:00+00:00",
            ),
            (
                "%Y-%m-%d",
                "users-2026-11-21-2026-11-21.csv",
                "2026-11-21T00:00:00+00:00",
            ),
            (
                "%e %B %Y",
                "users 21 November 2026.csv",
                "2026-11-21T00:00:00+00:00",
            ),
        ] {
            assert_eq!(
                named(pattern, Tz::UTC, name).as_deref(),
                Ok(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn a_day_alone_begins_at_midnight_of_the_zone() {
        let at = named("%Y-%m-%d", Tz::Europe__Prague, "users-2026-07-01.csv");
        assert_eq!(at.as_deref(), Ok("2026-06-30T22:00:00+00:00"));
    }

    #[test]
    fn a_name_without_one_certain_instant_is_refused() {
        for (name, part) in [
            ("users.csv", "has none"),
            ("users-2026-13-01.csv", "no calendar"),
            ("users-12026-11-21.csv", "has none"),
            ("users-2026-11-215.csv", "has none"),
            ("users-2026-11-21-2026-11-22.csv", "more than one"),
        ] {
            let refusal = named("%Y-%m-%d", Tz::UTC, name).unwrap_err();
            assert!(refusal.contains(part), "{name}: {refusal}");
        }
    }

    #[test]
    fn a_part_of_a_longer_number_is_no_instant() {
        let refusal = named("%Y%m%d", Tz::UTC, "users-20261121093000.csv").unwrap_err();
        assert!(refusal.contains("has none"), "{refusal}");
    }

    fn beside_it(content: Option<&str>) -> Result<String, String> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("users.csv");
        fs::write(&path, "").unwrap();
        if let Some(content) = content {
            fs::write(home.path().join("users.csv.effective"), content).unwrap();
        }
        let arrival = Arrival::in_place(&path, TableName::new("users")).unwrap();
        let parser = InstantParser::new(None, Tz::Europe__Prague).unwrap();
        in_sidecar(&parser, &arrival)
            .map(|at| at.to_rfc3339())
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_sidecar_holds_an_instant_or_a_day() {
        for (content, expected) in [
            ("2026-11-21T09:30:00Z\n", "2026-11-21T09:30:00+00:00"),
            ("\u{feff}2026-11-21 09:30:00", "2026-11-21T08:30:00+00:00"),
            ("  2026-11-21T09:30:00+02:00  ", "2026-11-21T07:30:00+00:00"),
            ("2026-11-21", "2026-11-20T23:00:00+00:00"),
        ] {
            assert_eq!(
                beside_it(Some(content)).as_deref(),
                Ok(expected),
                "{content}"
            );
        }
    }

    #[test]
    fn a_sidecar_that_holds_no_instant_is_refused_by_its_name() {
        for (content, part) in [
            (None, "There is no `users.csv.effective`"),
            (Some(" \n"), "is empty"),
            (Some("yesterday"), "is not a timestamp"),
            (
                Some("2026-11-21T09:30:00Z 2026-11-22T09:30:00Z"),
                "is not a timestamp",
            ),
            (Some("2026-02-30"), "no calendar"),
        ] {
            let refusal = beside_it(content).unwrap_err();
            assert!(refusal.contains(part), "{refusal}");
            assert!(refusal.contains("users.csv.effective"), "{refusal}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_sidecar_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("users.csv");
        fs::write(home.path().join("elsewhere"), "2026-11-21").unwrap();
        fs::write(&path, "").unwrap();
        let sidecar = Beside::Effective.name(path.as_os_str());
        std::os::unix::fs::symlink("elsewhere", sidecar).unwrap();
        let arrival = Arrival::in_place(&path, TableName::new("users")).unwrap();
        assert!(read(&arrival).is_err());
    }

    const HISTORY: History = History {
        mode: Mode::Incremental,
        effective: Effective::LoadTime,
        sequence: Vec::new(),
        deletes: Deletes::Ignore,
        late: Late::Fix,
        horizon: Some(TimeDelta::days(90)),
        max_future: TimeDelta::days(1),
    };

    #[test]
    fn an_instant_beyond_the_horizon_is_not_taken() {
        let now: DateTime<Utc> = "2026-11-21T09:30:00Z".parse().unwrap();
        let oldest = now - TimeDelta::days(90);
        assert!(not_too_far_away(oldest, &HISTORY, now).is_ok());
        let older = oldest - TimeDelta::microseconds(1);
        let refusal = not_too_far_away(older, &HISTORY, now).unwrap_err();
        assert!(
            refusal.to_string().contains("more than 90 days ago"),
            "{refusal}"
        );
        let unlimited = History {
            horizon: None,
            ..HISTORY
        };
        assert!(not_too_far_away(older, &unlimited, now).is_ok());
    }

    #[test]
    fn an_instant_that_lies_too_far_ahead_is_taken_for_a_mistake() {
        let now: DateTime<Utc> = "2026-11-21T09:30:00Z".parse().unwrap();
        let tomorrow = now + TimeDelta::days(1);
        assert!(not_too_far_away(tomorrow, &HISTORY, now).is_ok());
        let later = tomorrow + TimeDelta::microseconds(1);
        let refusal = not_too_far_away(later, &HISTORY, now).unwrap_err();
        assert!(
            refusal.to_string().contains("more than 1 day ahead"),
            "{refusal}"
        );
    }
}
