//! What the role may do with tables, and whether it sees all of their rows.
//!
//! In: a connection, a schema and tables of it. Out: for each table what stands in the way of reading or of
//! loading it, as a sentence with the statement that takes it away. It is asked of the catalog: a
//! server's refusal is in the server's language, and names one thing at a time.

use diesel::sql_types::{Array, Bool, Nullable, Text};

use super::prelude::*;

/// What is to be done with tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// They are only looked at.
    Look,
    /// Files are loaded into them.
    Load,
}

impl Need {
    fn privileges(self) -> &'static [&'static str] {
        match self {
            Self::Look => &["select"],
            // What is not granted on purpose, such as delete, is missed by those who need it.
            Self::Load => &["select", "insert", "update"],
        }
    }
}

/// What has to be granted, or seen, before anything else.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct AccessFault(String);

/// Refuses to go on where the role cannot read all of the ledger.
pub fn refuse_unless_ledger_is_open(conn: &mut PgConnection) -> Result<(), anyhow::Error> {
    let obstacles = obstacles(conn, LEDGER, None, Need::Look)?;
    if obstacles.is_empty() {
        return Ok(());
    }
    let sentences: Vec<String> = obstacles.into_iter().map(|it| it.sentence).collect();
    Err(AccessFault(sentences.join("\n")).into())
}

/// The schema of the ledger.
pub const LEDGER: &str = "hayloft";

/// What stands in the way of working with one table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Obstacle {
    /// The table's name.
    pub table: String,
    /// What it is, and what takes it away.
    pub sentence: String,
}

#[derive(QueryableByName)]
struct Access {
    #[diesel(sql_type = Text)]
    name: String,
    /// These names as statements have them.
    #[diesel(sql_type = Text)]
    schema: String,
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Bool)]
    is_closed: bool,
    #[diesel(sql_type = Array<Text>)]
    lacking: Vec<String>,
    #[diesel(sql_type = Bool)]
    is_owner: bool,
    #[diesel(sql_type = Array<Text>)]
    policies: Vec<String>,
}

/// Asks about the tables of a schema; about all of them where none are named.
pub fn obstacles(
    conn: &mut PgConnection,
    schema: &str,
    tables: Option<&[&str]>,
    need: Need,
) -> QueryResult<Vec<Obstacle>> {
    let found: Vec<Access> = diesel::sql_query(include_str!("access.sql"))
        .bind::<Text, _>(schema)
        .bind::<Nullable<Array<Text>>, _>(tables)
        .bind::<Array<Text>, _>(need.privileges())
        .load(conn)?;
    let obstacles = found.into_iter().map(|access| Obstacle {
        sentence: access.sentence(need),
        table: access.name,
    });
    Ok(obstacles.collect())
}

impl Access {
    fn sentence(&self, need: Need) -> String {
        if self.is_closed || !self.lacking.is_empty() {
            self.denied(need)
        } else {
            self.hidden()
        }
    }

    fn denied(&self, need: Need) -> String {
        let Self {
            schema,
            table,
            role,
            ..
        } = self;
        let verb = match need {
            Need::Look => "read",
            Need::Load => "load",
        };
        let mut grants = Vec::new();
        if self.is_closed {
            grants.push(format!("grant usage on schema {schema} to {role};"));
        }
        if !self.lacking.is_empty() {
            let lacking = self.lacking.join(", ");
            grants.push(format!("grant {lacking} on {schema}.{table} to {role};"));
        }
        format!(
            "The role {role} may not {verb} {schema}.{table}. Have its owner run: {}",
            grants.join(" ")
        )
    }

    fn hidden(&self) -> String {
        let Self {
            schema,
            table,
            role,
            policies,
            ..
        } = self;
        let (cause, drop) = match policies.as_slice() {
            [] => (
                "there is no policy, so it sees none".to_owned(),
                format!("alter table {schema}.{table} disable row level security"),
            ),
            [one] => (
                format!("policy {one}"),
                format!("drop policy {one} on {schema}.{table}"),
            ),
            several => (
                format!("policies {}", several.join(", ")),
                format!("alter table {schema}.{table} disable row level security"),
            ),
        };
        let own = if self.is_owner {
            format!(
                "do not force it on the owner (alter table {schema}.{table} no force row level security)"
            )
        } else {
            format!("have the role own the table (alter table {schema}.{table} owner to {role})")
        };
        format!(
            "Row-level security hides rows of {schema}.{table} from the role {role} ({cause}), and what \
             is hidden would be taken for absent. Either {own}; or let the role pass it by (alter role \
             {role} bypassrls); or take it away ({drop})."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Need};

    fn access() -> Access {
        Access {
            name: "acc".into(),
            schema: "datawarehouse".into(),
            table: "acc".into(),
            role: "loader".into(),
            is_closed: false,
            lacking: Vec::new(),
            is_owner: false,
            policies: Vec::new(),
        }
    }

    #[test]
    fn each_obstacle_comes_with_what_takes_it_away() {
        let denied = Access {
            is_closed: true,
            lacking: vec!["select".into(), "update".into()],
            ..access()
        };
        assert_eq!(
            denied.sentence(Need::Load),
            "The role loader may not load datawarehouse.acc. Have its owner run: grant usage on schema \
             datawarehouse to loader; grant select, update on datawarehouse.acc to loader;"
        );
        let table = [
            (
                vec!["eu"],
                false,
                "(policy eu)",
                "drop policy eu on datawarehouse.acc",
            ),
            (
                vec!["a", "b"],
                false,
                "(policies a, b)",
                "disable row level security",
            ),
            (vec![], true, "sees none", "no force row level security"),
        ];
        for (policies, is_owner, cause, way_out) in table {
            let policies = policies.into_iter().map(str::to_owned).collect();
            let sentence = Access {
                is_owner,
                policies,
                ..access()
            }
            .sentence(Need::Look);
            assert!(
                sentence.contains(cause) && sentence.contains(way_out),
                "{sentence}"
            );
        }
    }
}
