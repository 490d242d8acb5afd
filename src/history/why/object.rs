//! An [`Answer`] as the JSON object that scripts rely on: no field is renamed or dropped without a
//! new major version. Values are texts, as Postgres prints them, so that no number loses a digit.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::said::{Judged, Source};
use super::{Answer, Depth, FactRow, Moment, Origin, Shown, Values, Version};
use crate::ledger::words::Word;

/// The object for an answer; with an instant, of what held then.
#[must_use]
pub fn object(answer: &Answer, at: Option<DateTime<Utc>>, depth: Depth) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("table", json!(answer.table));
    put("durable_key", json!(answer.durable_key));
    put("key", named(answer.natural_key().into_iter()));
    let mut interval = (None, None);
    match &answer.shown {
        Shown::Versions(all) => {
            let moment = at.map(|at| Moment::of(all, at));
            if let (Some(moment), Some(at)) = (moment, at) {
                put("at", instant(at));
                put("found", json!(moment.code()));
                interval = moment.interval();
            }
            let is_shown = |shown: &&Version| match moment {
                None => true,
                Some(Moment::Held(held)) => held.from == shown.from,
                Some(_) => false,
            };
            let before = std::iter::once(None).chain(all.iter().map(Some));
            let shown = all.iter().zip(before).filter(|(shown, _)| is_shown(shown));
            let objects: Value = shown
                .map(|(it, before)| version(answer, it, before))
                .collect();
            put("versions", objects);
        }
        Shown::Fact(row) => {
            put(
                "row",
                row.as_ref().map_or(Value::Null, |row| fact(answer, row)),
            );
        }
        Shown::Held(row, dimensions) => {
            put("row", fact(answer, row));
            put("held_for", json!(dimensions));
        }
        Shown::FactAndHeld(row, waiting, dimensions) => {
            put("row", fact(answer, row));
            put("waiting", fact(answer, waiting));
            put("held_for", json!(dimensions));
        }
    }
    if depth == Depth::Observations {
        let within = |judged: &&Judged| {
            let at = judged.observation.at;
            interval.0.is_none_or(|from| from <= at) && interval.1.is_none_or(|to| at < to)
        };
        let judged = answer.observations.iter().filter(within);
        put(
            "observations",
            judged.map(|judged| observation(answer, judged)).collect(),
        );
    }
    Value::Object(object)
}

fn version(answer: &Answer, version: &Version, before: Option<&Version>) -> Value {
    let changed = before.map_or(Vec::new(), |before| {
        answer.changed(&before.values, &version.values)
    });
    let object = json!({
        "version": version.number,
        "from": instant(version.from),
        "to": version.to.map(instant),
        "values": values(answer, &version.values),
        "changed": names(answer, &changed),
    });
    with_origin(object, &version.origin)
}

fn fact(answer: &Answer, fact: &FactRow) -> Value {
    let object = json!({
        "values": values(answer, &fact.values),
        "misfits": names(answer, &fact.misfits.iter().copied().collect::<Vec<_>>()),
        "created_at": fact.created_at.map(instant),
        "updated_at": fact.updated_at.map(instant),
    });
    with_origin(object, &fact.origin)
}

fn observation(answer: &Answer, judged: &Judged) -> Value {
    let observation = &judged.observation;
    let winner = judged.outcome.winner();
    let object = json!({
        "at": instant(observation.at),
        "said": observation.presence.word(),
        "source": match observation.source {
            Source::Row => "row",
            Source::Silence => "snapshot",
            Source::Baseline => "baseline",
        },
        "values": named(by_name(answer, &judged.values)),
        "outcome": judged.outcome.code(),
        "version": judged.outcome.version(),
        "winner_load_id": winner.map(|winner| winner.load_id),
        "winner_line": winner.and_then(|winner| winner.line),
        "defaults": named(by_name(answer, &judged.defaults)),
        "filled": names(answer, &judged.filled),
        "overwrote": names(answer, &judged.overwrote),
        "misfits": names(answer, &answer.misfits(observation)),
    });
    with_origin(object, &observation.origin)
}

fn by_name<'a>(
    answer: &'a Answer,
    values: &'a BTreeMap<usize, Option<String>>,
) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    values.iter().filter_map(|(place, value)| {
        let column = answer.columns.get(*place)?;
        Some((column.name.as_str(), value.as_deref()))
    })
}

fn with_origin(mut object: Value, origin: &Origin) -> Value {
    object["load_id"] = json!(origin.load_id);
    object["file"] = json!(origin.file);
    object["line"] = json!(origin.line);
    object["loaded_at"] = json!(origin.loaded_at.map(instant));
    object
}

fn values(answer: &Answer, values: &Values) -> Value {
    let columns = answer.columns.iter().zip(values);
    named(columns.map(|(column, value)| (column.name.as_str(), value.as_deref())))
}

fn named<'a>(values: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Value {
    let values = values.map(|(name, value)| (name.to_owned(), json!(value)));
    Value::Object(values.collect())
}

fn names(answer: &Answer, places: &[usize]) -> Value {
    let columns = places.iter().filter_map(|place| answer.columns.get(*place));
    columns.map(|column| json!(column.name)).collect()
}

fn instant(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}
