//! Facts that no load brought become the rows of a load, which says of each what the table shows. It
//! comes after all other loads, so the table stays as it is.

use std::time::Instant as Clock;

use chrono::{DateTime, Utc};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};

use super::{TakenOver, Takeover};
use crate::contract::Reference;
use crate::db::prelude::*;
use crate::ledger::words::{Absence, Instants, LoadMode, Word as _};
use crate::merge::history::{self, FactRow, Facts, Natural};
use crate::merge::ledger::Meaning;
use crate::merge::manifest::Spoken;
use crate::merge::plan::Told;
use crate::merge::{MergeError, ledger, manifest, sql};
use crate::stage::digest::Form;

impl Takeover<'_> {
    pub(super) fn take_facts(
        &self,
        conn: &mut PgConnection,
        references: &[Reference],
        load_id: i64,
        began: Clock,
    ) -> Result<TakenOver, MergeError> {
        if self.source.is_some() || self.open_end.is_some() {
            return Err(self.refusal(
                "It is a fact table, and only its own rows can be taken over. Leave out --from and \
                 --open-end.",
            ));
        }
        let unknown = self.count_unknown(conn)?;
        self.verify_members(conn, references)?;
        let meaning = self.meaning_of_facts(ledger::load_time(conn, &self.contract.name)?);
        let facts = self.take_rows(conn, load_id, unknown)?;
        manifest::write(conn, load_id, Spoken::OfMarks(&facts.marks), &[])?;
        let_count(conn, load_id, &meaning)?;
        let refolded =
            history::take_over_facts(conn, self.contract, load_id, &facts, self.samples)?;
        let entry = self.entry(load_id, unknown, refolded.changes, 0, began);
        ledger::close(conn, load_id, Some(&meaning), &entry)?;
        Ok(TakenOver {
            entry,
            told: Told::Samples(refolded.samples),
            notes: None,
        })
    }

    /// Finds that these facts name no member that is not there: such a fact would have to wait.
    fn verify_members(
        &self,
        conn: &mut PgConnection,
        references: &[Reference],
    ) -> Result<(), MergeError> {
        for reference in references {
            let statement = sql::count_unknown_without_member(self.contract, reference);
            let without = self.count(conn, &statement)?;
            if without > 0 {
                return Err(self.refusal(&format!(
                    "{without} row(s) name a member that `{}` does not have. Load these members first, \
                     or delete the rows.",
                    reference.dimension
                )));
            }
        }
        Ok(())
    }

    /// Makes the rows those of the load.
    fn take_rows(
        &self,
        conn: &mut PgConnection,
        load_id: i64,
        unknown: u64,
    ) -> Result<Facts, MergeError> {
        let taken = sql_query(sql::take_unknown_facts(self.contract))
            .bind::<Text, _>(self.contract.name.as_str())
            .bind::<BigInt, _>(load_id)
            .execute(conn)?;
        let natural = Natural::of(self.contract, self.keys);
        let rows = sql_query(sql::read_taken_facts(self.contract))
            .bind::<BigInt, _>(load_id)
            .load_iter::<FactRow, PgRowByRowLoadingMode>(conn)?;
        let columns: Vec<usize> = (0..self.contract.columns.len()).collect();
        let facts = Facts::gather(self.contract, natural.as_ref(), &columns, rows)?;
        let without_key = unknown.saturating_sub(taken as u64) + facts.without_key;
        if without_key > 0 {
            return Err(self.refusal(&format!(
                "{without_key} row(s) have a natural key that no file could have: a part is missing, or \
                 is not spelled as its column wants it."
            )));
        }
        Ok(facts)
    }

    fn meaning_of_facts(&self, at: DateTime<Utc>) -> Meaning {
        let columns = self.contract.columns.iter();
        let (ids, forms) = columns
            .map(|column| {
                let form = Form::of(&column.column_type).word();
                (column.id.as_str().to_owned(), form.to_owned())
            })
            .unzip();
        Meaning {
            mode: LoadMode::Incremental,
            absence: Absence::Ignored,
            instants: Instants::Shared,
            earliest: at,
            latest: at,
            columns: ids,
            digested_as: forms,
            defaults: None,
            added: Vec::new(),
            accepted_by: None,
        }
    }
}

/// From here on it counts, so that the facts are made of it.
fn let_count(conn: &mut PgConnection, load_id: i64, meaning: &Meaning) -> QueryResult<()> {
    sql_query(include_str!("mean_facts.sql"))
        .bind::<BigInt, _>(load_id)
        .bind::<Array<Text>, _>(&meaning.columns)
        .bind::<Timestamptz, _>(meaning.latest)
        .execute(conn)
        .map(drop)
}
