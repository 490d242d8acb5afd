//! The keys that a snapshot does not name (semantics §5, §10).

use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Timestamptz};
use uuid::Uuid;

use super::sift::Sifted;
use super::{Delivered, Landed, limit};
use crate::contract::Ident;
use crate::db::copy::{Target, copy_binary};
use crate::db::prelude::*;
use crate::merge::counts::unsigned;
use crate::merge::guard::Consent;
use crate::merge::guard::closes::{self, Crowd};
use crate::merge::sql;
use crate::merge::{MergeError, counts, swallowed};
use crate::wire;

/// How many keys are there at the instant of a snapshot, and how many of them it does not name.
pub(super) struct Absent {
    open: u64,
    absent: u64,
}

impl Delivered<'_> {
    /// Where absence counts, lists the keys that the file does not name in `pg_temp.hayloft_absent`,
    /// and refuses to go on where they are more than the contract allows.
    pub(super) fn guard_absent(
        &self,
        conn: &mut PgConnection,
        landed: &Landed,
        sifted: Option<&Sifted>,
    ) -> Result<(), MergeError> {
        if !self.closes_absent {
            return Ok(());
        }
        let absent = self.find_absent(conn, landed, sifted)?;
        self.guard_closes(conn, &absent)
    }

    fn find_absent(
        &self,
        conn: &mut PgConnection,
        landed: &Landed,
        sifted: Option<&Sifted>,
    ) -> Result<Absent, MergeError> {
        sql_query(sql::CREATE_ABSENT).execute(conn)?;
        if let Some(sifted) = sifted {
            list(conn, &sifted.absent)?;
            return Ok(Absent {
                open: sifted.open,
                absent: sifted.absent.len() as u64,
            });
        }
        sql_query(sql::CREATE_UNREAD).execute(conn)?;
        sql_query(sql::NOTE_UNREAD)
            .bind::<Array<diesel::sql_types::Uuid>, _>(&landed.unread)
            .execute(conn)?;
        let (contract, durable_key) = (self.shape.contract, self.durable_key);
        let at_the_instant = |statement| sql_query(statement).bind::<Timestamptz, _>(self.at);
        let absent = at_the_instant(sql::find_absent(contract, durable_key)).execute(conn)? as u64;
        let open: counts::Count = at_the_instant(sql::count_present(contract)).get_result(conn)?;
        Ok(Absent {
            open: open.get(),
            absent,
        })
    }

    /// Compares what the absence of keys would close with what the contract allows, before any version
    /// is closed or opened.
    fn guard_closes(&self, conn: &mut PgConnection, absent: &Absent) -> Result<(), MergeError> {
        if *self.consent != Consent::NotAsked {
            return Ok(());
        }
        let crowd = Crowd {
            rows: self.staged.rows.len() as u64,
            open: absent.open,
            would_close: absent.absent,
        };
        let Some(mut breach) = closes::closes(&self.shape.contract.guards, crowd) else {
            return Ok(());
        };
        let sample = sample(conn, 5)?;
        breach.sample = sample.into_iter().map(|(key, _)| key).collect();
        Err(MergeError::Closes(Box::new(breach)))
    }

    /// Ends their current versions; returns how many.
    pub(super) fn close_absent(&self, conn: &mut PgConnection) -> Result<u64, MergeError> {
        #[derive(QueryableByName)]
        struct Closed {
            #[diesel(sql_type = BigInt)]
            closed: i64,
            #[diesel(sql_type = Array<BigInt>)]
            loads: Vec<i64>,
        }
        let contract = self.shape.contract;
        let Closed { closed, loads } = sql_query(sql::close_absent(contract, self.durable_key))
            .bind::<Timestamptz, _>(self.at)
            .get_result(conn)?;
        self.shared.vouch_for_loads(conn, contract, loads)?;
        let closed = unsigned(closed);
        let absent = counts::count(conn, sql::COUNT_ABSENT)?;
        swallowed::vouch(conn, contract, absent, closed)?;
        Ok(closed)
    }
}

/// Some of the keys that are closed because the file does not name them.
pub(super) fn sample(conn: &mut PgConnection, samples: usize) -> QueryResult<Vec<(Uuid, String)>> {
    #[derive(QueryableByName)]
    struct Absent {
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        key: Uuid,
    }
    if samples == 0 {
        return Ok(Vec::new());
    }
    let absent: Vec<Absent> = sql_query(sql::SAMPLE_ABSENT)
        .bind::<BigInt, _>(limit(samples))
        .load(conn)?;
    let told = absent.into_iter();
    Ok(told
        .map(|absent| (absent.key, "closed_by_absence".to_owned()))
        .collect())
}

fn list(conn: &mut PgConnection, absent: &[Uuid]) -> Result<(), MergeError> {
    let target = Target {
        schema: Ident::vouched("pg_temp"),
        table: Ident::vouched("hayloft_absent"),
        columns: vec![Ident::vouched("key")],
    };
    copy_binary(conn, &target, |sink| {
        sink.write_all(wire::HEADER)?;
        let mut tuple = Vec::with_capacity(32);
        for key in absent {
            tuple.clear();
            wire::put_tuple(&mut tuple, 1)?;
            wire::put_uuid(&mut tuple, *key);
            sink.write_all(&tuple)?;
        }
        sink.write_all(wire::TRAILER)
    })?;
    Ok(())
}
