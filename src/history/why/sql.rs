//! The statements that depend on the table, as pure functions of its contract. Each reads the rows
//! of one key, with its values as text, in the order of the contract's columns.

use std::fmt::Write as _;

use crate::contract::{Column, ColumnType, Contract, Ident, QualifiedName, Stamp, Stamps};

/// The versions of a key, oldest first. Bind: the durable key.
#[must_use]
pub fn versions(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "select version.version_number as number, version.effective_start_date as started,\n    \
         version.effective_end_date as ended, version.load_id, version.source_line as line,\n    \
         {values}\n\
         from {table} as version\n\
         where version.{durable_key} = $1\n\
         order by version.effective_start_date",
        values = values(contract, "version"),
        table = contract.table,
    )
}

/// One fact. Binds: the parts of its key, as text.
#[must_use]
pub fn fact(contract: &Contract, stamps: Stamps) -> String {
    let stamp = |stamp, name: &str| match stamp {
        Stamp::Kept => format!("fact.{name}"),
        Stamp::Absent => "null::timestamptz".to_owned(),
    };
    let mut sql = format!(
        "select {created} as created_at, {updated} as updated_at,\n    \
         fact.load_id, fact.source_line as line,\n    \
         {values}\n\
         from {table} as fact\n\
         where true",
        created = stamp(stamps.created_at, "created_at"),
        updated = stamp(stamps.updated_at, "updated_at"),
        values = values(contract, "fact"),
        table = contract.table,
    );
    for (number, place) in (1..).zip(&contract.key) {
        let _ = write!(
            sql,
            "\n  and {}",
            part_is(&contract.columns[*place], number)
        );
    }
    sql
}

/// The natural keys of the facts that are from some rows. Binds: the rows' loads, their lines.
#[must_use]
pub fn keys_of_rows(contract: &Contract) -> String {
    let parts = contract.key.iter();
    let parts: Vec<String> = parts
        .map(|place| format!("fact.{}::text", contract.columns[*place].name))
        .collect();
    format!(
        "select array[{parts}]::text[] as parts\n\
         from {table} as fact\n\
         join unnest($1, $2) as said (load_id, line)\n    \
             on fact.load_id = said.load_id and fact.source_line = said.line",
        parts = parts.join(", "),
        table = contract.table,
    )
}

/// The values of a row that is held as JSON, as the table would print them. Bind: the row.
#[must_use]
pub fn held_values(contract: &Contract) -> String {
    let table: &QualifiedName = &contract.table;
    format!(
        "select {values}\nfrom jsonb_populate_record(null::{table}, $1) as held",
        values = values(contract, "held"),
    )
}

/// An array, since it may have more elements than a function has arguments.
fn values(contract: &Contract, row: &str) -> String {
    let columns = contract.columns.iter();
    let texts: Vec<String> = columns
        .map(|column| format!("{row}.{}::text", column.name))
        .collect();
    format!("array[{}]::text[] as texts", texts.join(", "))
}

/// What the server alone could read is compared as text: it would quote it in its complaint.
fn part_is(column: &Column, number: usize) -> String {
    match &column.column_type {
        ColumnType::Other(_) => format!("fact.{}::text = ${number}", column.name),
        known => format!("fact.{} = ${number}::{}", column.name, known.sql()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{fact, held_values, keys_of_rows, versions};
    use crate::contract::{Contract, Kind};
    use crate::merge::sql::tests::contract;

    fn versions_of(contract: &Contract) -> String {
        match &contract.kind {
            Kind::Dimension { durable_key, .. } => versions(contract, durable_key),
            Kind::Fact { stamps, .. } => fact(contract, *stamps),
        }
    }

    #[test]
    fn versions_are_read_by_the_durable_key() {
        expect![[r#"
            select version.version_number as number, version.effective_start_date as started,
                version.effective_end_date as ended, version.load_id, version.source_line as line,
                array[version."name"::text, version."email"::text, version."date_of_birth"::text]::text[] as texts
            from "datawarehouse"."users" as version
            where version."user_id" = $1
            order by version.effective_start_date"#]].assert_eq(&versions_of(&contract("users")));
        expect![[r#"
            select version.version_number as number, version.effective_start_date as started,
                version.effective_end_date as ended, version.load_id, version.source_line as line,
                array[version."country"::text, version."number"::text, version."address"::text, version."It's ""odd"""::text]::text[] as texts
            from "datawarehouse"."stations" as version
            where version."station_key" = $1
            order by version.effective_start_date"#]].assert_eq(&versions_of(&contract("stations")));
    }

    #[test]
    fn a_fact_is_read_by_its_natural_key() {
        expect![[r#"
            select fact.created_at as created_at, fact.updated_at as updated_at,
                fact.load_id, fact.source_line as line,
                array[fact."id"::text, fact."user_id"::text, fact."amount"::text, fact."transaction_date"::text]::text[] as texts
            from "datawarehouse"."transactions" as fact
            where true
              and fact."id" = $1::bigint"#]].assert_eq(&versions_of(&contract("transactions")));
        expect![[r#"
            select null::timestamptz as created_at, null::timestamptz as updated_at,
                fact.load_id, fact.source_line as line,
                array[fact."station_key"::text, fact."taken on"::text, fact."value"::text]::text[] as texts
            from "datawarehouse"."readings" as fact
            where true
              and fact."station_key" = $1::uuid
              and fact."taken on" = $2::date"#]].assert_eq(&versions_of(&contract("readings")));
    }

    #[test]
    fn a_fact_that_waits_is_printed_as_the_table_would() {
        expect![[r#"
            select array[held."id"::text, held."user_id"::text, held."amount"::text, held."transaction_date"::text]::text[] as texts
            from jsonb_populate_record(null::"datawarehouse"."transactions", $1) as held"#]].assert_eq(&held_values(&contract("transactions")));
    }

    #[test]
    fn a_fact_is_found_by_the_rows_that_name_it() {
        expect![[r#"
            select array[fact."id"::text]::text[] as parts
            from "datawarehouse"."transactions" as fact
            join unnest($1, $2) as said (load_id, line)
                on fact.load_id = said.load_id and fact.source_line = said.line"#]]
        .assert_eq(&keys_of_rows(&contract("transactions")));
    }
}
