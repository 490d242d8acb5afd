//! What each statement looks like, for the two tables that Hayloft comes with and for two of a
//! person's own: a dimension with a key of two parts, and facts about it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use expect_test::{Expect, expect};

use super::{
    Changed, Doubt, Holding, Order, Refolded, Shape, Snapshot, begin_reading, bring_in,
    bring_in_found, close_changed, count_broken, create_landing, element, evaluate_defaults,
    find_changes, find_sent, hold_unresolved, insert_facts, is_empty, landing_columns, lock_alone,
    note_awaited, open_new, questions, read_columns_of_met, read_current, read_printed,
    release_held, remove_unresolved, update_facts, version_columns,
};
use crate::contract::catalog::{
    Catalog, CatalogColumn, CatalogTable, ColumnDefault, Constancy, UniqueKey,
};
use crate::contract::{
    ColumnType, Contract, ContractFile, Contracts, Domain, Equality, Ident, Kind, Nullability,
    Precision, Reference, ServerType, TableName, TextForm,
};

const TOML: &str = concat!(
    include_str!("../../../hayloft.toml"),
    r#"
[tables.stations]
key         = ["country", "number"]
durable_key = "station_key"

[tables.readings]
kind       = "fact"
key        = ["station_key", "taken on"]
references = { station_key = "stations" }
"#
);

/// The contract of one of the tables.
pub(crate) fn contract(name: &str) -> Contract {
    let contracts = contracts();
    contracts.get(&TableName::new(name)).unwrap().clone()
}

fn contracts() -> Contracts {
    let file = ContractFile::parse(Path::new("hayloft.toml"), TOML).unwrap();
    let tables = BTreeMap::from([
        (
            "users".into(),
            dimension(
                "user_id",
                &[
                    ("name", text()),
                    ("email", text()),
                    ("date_of_birth", ColumnType::Date),
                ],
            ),
        ),
        (
            "transactions".into(),
            fact(
                &["id"],
                &[
                    ("id", ColumnType::Int8),
                    ("user_id", ColumnType::Uuid),
                    ("amount", ColumnType::Numeric(None)),
                    ("transaction_date", ColumnType::Date),
                    ("created_at", ColumnType::TimestampTz(Precision::MICROS)),
                    ("updated_at", ColumnType::TimestampTz(Precision::MICROS)),
                ],
            ),
        ),
        (
            "stations".into(),
            dimension(
                "station_key",
                &[
                    ("country", text()),
                    ("number", ColumnType::Int4),
                    ("address", ColumnType::Other(ServerType::unknown("inet"))),
                    (
                        "It's \"odd\"",
                        ColumnType::Json(crate::contract::JsonKind::Text),
                    ),
                ],
            ),
        ),
        (
            "readings".into(),
            fact(
                &["station_key", "taken on"],
                &[
                    ("station_key", ColumnType::Uuid),
                    ("taken on", ColumnType::Date),
                    ("value", ColumnType::Float8),
                ],
            ),
        ),
    ]);
    let schema = "datawarehouse".into();
    Contracts::join(
        &file,
        &Catalog {
            schema,
            tables,
            obstacles: BTreeMap::new(),
        },
    )
    .unwrap()
}

fn text() -> ColumnType {
    ColumnType::Text {
        sql: "text".into(),
        max_chars: None,
    }
}

fn dimension(durable_key: &str, columns: &[(&str, ColumnType)]) -> CatalogTable {
    let own = [
        (durable_key, ColumnType::Uuid),
        (
            "effective_start_date",
            ColumnType::TimestampTz(Precision::MICROS),
        ),
        (
            "effective_end_date",
            ColumnType::TimestampTz(Precision::MICROS),
        ),
        ("version_number", ColumnType::Int4),
        ("load_id", ColumnType::Int8),
        ("source_line", ColumnType::Int8),
    ];
    CatalogTable::new(
        columns.iter().chain(&own).map(column).collect(),
        vec![
            unique(&[durable_key, "effective_start_date"], None),
            unique(&[durable_key], Some("(effective_end_date IS NULL)")),
        ],
    )
}

fn fact(key: &[&str], columns: &[(&str, ColumnType)]) -> CatalogTable {
    let own = [
        ("load_id", ColumnType::Int8),
        ("source_line", ColumnType::Int8),
    ];
    CatalogTable::new(
        columns.iter().chain(&own).map(column).collect(),
        vec![unique(key, None)],
    )
}

fn column((name, column_type): &(&str, ColumnType)) -> CatalogColumn {
    CatalogColumn::new(name, column_type.clone(), Nullability::Nullable)
}

fn unique(columns: &[&str], predicate: Option<&str>) -> UniqueKey {
    UniqueKey {
        columns: columns.iter().map(|name| (*name).into()).collect(),
        predicate: predicate.map(Into::into),
    }
}

/// One contract, with a file that fills some of its columns.
pub(super) struct Table {
    pub(super) contract: Contract,
    filled: Vec<usize>,
}

impl Table {
    pub(super) fn named(name: &str) -> Self {
        let contract = contracts().get(&TableName::new(name)).unwrap().clone();
        let filled = (0..contract.columns.len()).collect();
        Self { contract, filled }
    }

    pub(super) fn filled_by(mut self, names: &[&str]) -> Self {
        let columns = &self.contract.columns;
        self.filled
            .retain(|column| names.contains(&columns[*column].name.name()));
        assert_eq!(self.filled.len(), names.len());
        self
    }

    pub(super) fn with_default(mut self, name: &str, sql: &str) -> Self {
        let source = Arc::make_mut(&mut self.contract.source);
        let columns = source.columns.iter_mut();
        for column in columns.filter(|column| column.name == name) {
            column.default = Some(ColumnDefault {
                sql: sql.to_owned(),
                constancy: Constancy::OfTransaction,
            });
        }
        self
    }

    pub(super) fn shape(&self) -> Shape<'_> {
        Shape {
            contract: &self.contract,
            filled: &self.filled,
        }
    }

    pub(super) fn durable_key(&self) -> &Ident {
        match &self.contract.kind {
            Kind::Dimension { durable_key, .. } => durable_key,
            Kind::Fact { .. } => panic!("a fact has none"),
        }
    }

    pub(super) fn reference(&self) -> &Reference {
        match &self.contract.kind {
            Kind::Fact { references, .. } => &references[0],
            Kind::Dimension { .. } => panic!("a dimension has none"),
        }
    }
}

#[track_caller]
pub(super) fn assert_text(sql: &str, expected: &Expect) {
    expected.assert_eq(&format!("{sql}\n"));
}

#[test]
fn the_landing_of_users() {
    let table = Table::named("users");
    let sql = create_landing(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
        create temporary table hayloft_landing (
            hayloft_key uuid not null,
            hayloft_line bigint not null,
            "name" text,
            "email" text,
            "date_of_birth" date
        ) on commit drop
    "#]],
    );
}

#[test]
fn the_landing_of_stations_takes_unknown_types_as_text() {
    let table = Table::named("stations");
    let sql = create_landing(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
        create temporary table hayloft_landing (
            hayloft_key uuid not null,
            hayloft_line bigint not null,
            "country" text,
            "number" integer,
            "address" text,
            "It's ""odd""" json
        ) on commit drop
    "#]],
    );
}

#[test]
fn values_that_only_the_server_reads_are_printed() {
    let table = Table::named("stations");
    assert_text(
        &read_printed(table.shape()).unwrap(),
        &expect![[r#"
        select landing.hayloft_line as line, 0 as digest,
            array[(landing."address"::inet)::text]::text[] as cells
        from pg_temp.hayloft_landing as landing
    "#]],
    );
    assert_eq!(read_printed(Table::named("users").shape()), None);
}

#[test]
fn values_that_the_server_alone_reads_are_asked_about() {
    let table = Table::named("stations");
    let [question] = &questions(&table.contract.columns[2])[..] else {
        panic!("not one question");
    };
    assert_eq!(question.about, Doubt::Type);
    assert_text(
        &question.remove(),
        &expect![[r#"
        delete from pg_temp.hayloft_landing as landing
        where landing."address" is not null and (landing."address"::inet)::text is null
        returning landing.hayloft_line as line
    "#]],
    );
    assert_text(
        &question.ask(),
        &expect![[r#"
        select count(*)
        from pg_temp.hayloft_landing as landing
        where landing.ctid between $1 and $2
          and landing."address" is not null and (landing."address"::inet)::text is null
    "#]],
    );
}

#[test]
fn values_that_a_modifier_could_change_are_compared_with_what_they_were() {
    let table = Table::named("stations");
    let mut column = table.contract.columns[2].clone();
    column.column_type = ColumnType::Other(ServerType {
        sql: "bit(3)".into(),
        plain: "\"bit\"".into(),
        equality: Equality::Value,
        form: TextForm::Any,
    });
    assert_text(
        &questions(&column)[0].remove(),
        &expect![[r#"
        delete from pg_temp.hayloft_landing as landing
        where landing."address" is not null and (landing."address"::"bit"::bit(3))::"bit" is distinct from landing."address"::"bit"
        returning landing.hayloft_line as line
    "#]],
    );
    column.column_type = ColumnType::Other(ServerType {
        sql: "public.short[]".into(),
        plain: "character varying[]".into(),
        equality: Equality::Text,
        form: TextForm::Any,
    });
    assert_text(
        &questions(&column)[0].remove(),
        &expect![[r#"
        delete from pg_temp.hayloft_landing as landing
        where landing."address" is not null and (landing."address"::character varying[]::public.short[])::text collate pg_catalog."C" is distinct from (landing."address"::character varying[])::text collate pg_catalog."C"
        returning landing.hayloft_line as line
    "#]],
    );
}

#[test]
fn values_of_a_domain_are_held_against_its_checks() {
    let table = Table::named("stations");
    let mut column = table.contract.columns[0].clone();
    column.domain = Some(Domain {
        sql: "public.short".into(),
        checks: vec!["short_check".into()],
    });
    let [question] = &questions(&column)[..] else {
        panic!("not one question");
    };
    assert_eq!(question.about, Doubt::Domain);
    assert_text(
        &question.remove(),
        &expect![[r#"
        delete from pg_temp.hayloft_landing as landing
        where landing."country" is not null and (landing."country"::public.short)::text is null
        returning landing.hayloft_line as line
    "#]],
    );
}

#[test]
fn changes_of_users() {
    let table = Table::named("users");
    let sql = find_changes(table.shape(), table.durable_key(), Refolded::None);
    assert_text(
        &sql,
        &expect![[r#"
            create temporary table hayloft_change on commit drop as
            select landing.hayloft_key, landing.hayloft_line,
                landing."name" as "name",
                landing."email" as "email",
                landing."date_of_birth" as "date_of_birth",
                current.effective_start_date as hayloft_start,
                coalesce(current.version_number, closed.version_number, 0) + 1 as hayloft_version,
                coalesce(current.load_id, closed.load_id) as hayloft_load
            from pg_temp.hayloft_landing as landing
            left join "datawarehouse"."users" as current
                on current."user_id" = landing.hayloft_key and current.effective_end_date is null
            left join lateral (
                select version.version_number, version.load_id
                from "datawarehouse"."users" as version
                where current."user_id" is null and version."user_id" = landing.hayloft_key
                order by version.effective_start_date desc
                limit 1
            ) as closed on true
            where (current."user_id" is null
                or landing."name" is distinct from current."name"
                or landing."date_of_birth" is distinct from current."date_of_birth")
        "#]],
    );
}

#[test]
fn changes_of_stations_compare_unknown_types_as_text() {
    let table = Table::named("stations");
    let sql = find_changes(table.shape(), table.durable_key(), Refolded::None);
    assert_text(
        &sql,
        &expect![[r#"
            create temporary table hayloft_change on commit drop as
            select landing.hayloft_key, landing.hayloft_line,
                landing."country" as "country",
                landing."number" as "number",
                landing."address"::inet as "address",
                landing."It's ""odd""" as "It's ""odd""",
                current.effective_start_date as hayloft_start,
                coalesce(current.version_number, closed.version_number, 0) + 1 as hayloft_version,
                coalesce(current.load_id, closed.load_id) as hayloft_load
            from pg_temp.hayloft_landing as landing
            left join "datawarehouse"."stations" as current
                on current."station_key" = landing.hayloft_key and current.effective_end_date is null
            left join lateral (
                select version.version_number, version.load_id
                from "datawarehouse"."stations" as version
                where current."station_key" is null and version."station_key" = landing.hayloft_key
                order by version.effective_start_date desc
                limit 1
            ) as closed on true
            where (current."station_key" is null
                or landing."address"::inet::text collate pg_catalog."C" is distinct from current."address"::text collate pg_catalog."C"
                or landing."It's ""odd"""::jsonb is distinct from current."It's ""odd"""::jsonb)
        "#]],
    );
}

#[test]
fn what_a_file_of_stations_does_not_name_carries_over() {
    let table = Table::named("stations").filled_by(&["country", "number", "address"]);
    let sql = find_changes(table.shape(), table.durable_key(), Refolded::None);
    assert_text(
        &sql,
        &expect![[r#"
            create temporary table hayloft_change on commit drop as
            select landing.hayloft_key, landing.hayloft_line,
                landing."country" as "country",
                landing."number" as "number",
                landing."address"::inet as "address",
                current."It's ""odd""",
                current.effective_start_date as hayloft_start,
                coalesce(current.version_number, closed.version_number, 0) + 1 as hayloft_version,
                coalesce(current.load_id, closed.load_id) as hayloft_load
            from pg_temp.hayloft_landing as landing
            left join "datawarehouse"."stations" as current
                on current."station_key" = landing.hayloft_key and current.effective_end_date is null
            left join lateral (
                select version.version_number, version.load_id
                from "datawarehouse"."stations" as version
                where current."station_key" is null and version."station_key" = landing.hayloft_key
                order by version.effective_start_date desc
                limit 1
            ) as closed on true
            where (current."station_key" is null
                or landing."address"::inet::text collate pg_catalog."C" is distinct from current."address"::text collate pg_catalog."C")
        "#]],
    );
}

#[test]
fn a_file_of_keys_alone_finds_new_stations_alone() {
    let table = Table::named("stations").filled_by(&["country", "number"]);
    let sql = find_changes(table.shape(), table.durable_key(), Refolded::None);
    assert_text(
        &sql,
        &expect![[r#"
            create temporary table hayloft_change on commit drop as
            select landing.hayloft_key, landing.hayloft_line,
                landing."country" as "country",
                landing."number" as "number",
                current."address",
                current."It's ""odd""",
                current.effective_start_date as hayloft_start,
                coalesce(current.version_number, closed.version_number, 0) + 1 as hayloft_version,
                coalesce(current.load_id, closed.load_id) as hayloft_load
            from pg_temp.hayloft_landing as landing
            left join "datawarehouse"."stations" as current
                on current."station_key" = landing.hayloft_key and current.effective_end_date is null
            left join lateral (
                select version.version_number, version.load_id
                from "datawarehouse"."stations" as version
                where current."station_key" is null and version."station_key" = landing.hayloft_key
                order by version.effective_start_date desc
                limit 1
            ) as closed on true
            where (current."station_key" is null)
        "#]],
    );
}

#[test]
fn whoever_reads_users_sees_what_another_sees_and_does_not_wait() {
    let snapshot = Snapshot::new("00000003-0000001B-1".to_owned()).unwrap();
    expect![[r#"
        begin isolation level repeatable read read only;
        set transaction snapshot '00000003-0000001B-1';
        lock table "datawarehouse"."users" in access share mode nowait"#]]
    .assert_eq(&begin_reading(&contract("users"), &snapshot));
    assert_eq!(Snapshot::new("1'; drop table users; --".to_owned()), None);
}

#[test]
fn the_current_users_are_read_without_what_makes_their_key() {
    let table = Table::named("users");
    let sql = read_current(table.shape(), table.durable_key(), Order::Any);
    assert_text(
        &sql,
        &expect![[r#"
        select current."user_id", current."name", current."date_of_birth"
        from "datawarehouse"."users" as current
        where current.effective_end_date is null
    "#]],
    );
    let ordered = read_current(table.shape(), table.durable_key(), Order::ByKey);
    assert_eq!(ordered, sql + "\norder by current.\"user_id\"");
}

#[test]
fn the_columns_of_a_first_version_end_with_what_its_file_does_not_say() {
    let table = Table::named("stations");
    let shape = Shape {
        contract: &table.contract,
        filled: &[1, 0],
    };
    let columns = version_columns(shape, table.durable_key());
    let names: Vec<&str> = columns.iter().map(Ident::name).collect();
    assert_eq!(
        names,
        [
            "station_key",
            "number",
            "country",
            "address",
            "It's \"odd\"",
            "effective_start_date",
            "version_number",
            "load_id",
            "source_line"
        ]
    );
}

#[test]
fn a_default_is_evaluated_where_its_column_is_left_out() {
    let table = Table::named("users").with_default("name", "'nobody'::text");
    assert_eq!(evaluate_defaults(table.shape()), None);
    let table = table.filled_by(&["email", "date_of_birth"]);
    assert_text(
        &evaluate_defaults(table.shape()).unwrap(),
        &expect![[r"
            select array[(('nobody'::text)::text)::text]::text[] as cells
        "]],
    );
    let columns = version_columns(table.shape(), table.durable_key());
    assert!(columns.iter().all(|column| column.name() != "name"));
}

#[test]
fn changed_users_are_closed() {
    let table = Table::named("users");
    let sql = close_changed(&table.contract, table.durable_key());
    assert_text(
        &sql,
        &expect![[r#"
            update "datawarehouse"."users" as version
            set effective_end_date = $1
            from pg_temp.hayloft_change as change
            where version."user_id" = change.hayloft_key
              and version.effective_start_date = change.hayloft_start
        "#]],
    );
}

#[test]
fn new_versions_of_users_are_opened() {
    let table = Table::named("users");
    let sql = open_new(&table.contract, table.durable_key());
    assert_text(
        &sql,
        &expect![[r#"
        insert into "datawarehouse"."users"
            ("user_id", "name", "email", "date_of_birth", effective_start_date, version_number, load_id, source_line)
        select hayloft_key, "name", "email", "date_of_birth", $1, hayloft_version, $2, hayloft_line
        from pg_temp.hayloft_change
        order by hayloft_key
    "#]],
    );
}

#[test]
fn new_versions_of_stations_are_opened() {
    let table = Table::named("stations");
    let sql = open_new(&table.contract, table.durable_key());
    assert_text(
        &sql,
        &expect![[r#"
        insert into "datawarehouse"."stations"
            ("station_key", "country", "number", "address", "It's ""odd""", effective_start_date, version_number, load_id, source_line)
        select hayloft_key, "country", "number", "address", "It's ""odd""", $1, hayloft_version, $2, hayloft_line
        from pg_temp.hayloft_change
        order by hayloft_key
    "#]],
    );
}

#[test]
fn broken_users_are_counted_among_the_landed() {
    let table = Table::named("users");
    let sql = count_broken(&table.contract, table.durable_key(), Changed::Found);
    assert_text(
        &sql,
        &expect![[r#"
            select count(*) as count
            from pg_temp.hayloft_change as change
            where (change.hayloft_start is not null or change.hayloft_version > 1) and not (
                select count(*) filter (where version.effective_end_date is null) = 1
                   and count(*) = max(version.version_number)
                   and (max(version.effective_end_date)
                        <= max(version.effective_start_date) filter (where version.effective_end_date is null))
                       is not false
                from "datawarehouse"."users" as version
                where version."user_id" = change.hayloft_key
            )
        "#]],
    );
}

#[test]
fn broken_users_are_counted_among_the_sent() {
    let table = Table::named("users");
    let sql = count_broken(&table.contract, table.durable_key(), Changed::Bound);
    assert_text(
        &sql,
        &expect![[r#"
        select count(*) as count
        from unnest($1::uuid[]) as change (hayloft_key)
        where not (
            select count(*) filter (where version.effective_end_date is null) = 1
               and count(*) = max(version.version_number)
               and (max(version.effective_end_date)
                    <= max(version.effective_start_date) filter (where version.effective_end_date is null))
                   is not false
            from "datawarehouse"."users" as version
            where version."user_id" = change.hayloft_key
        )
    "#]],
    );
}

#[test]
fn users_are_brought_in_by_one_statement() {
    let table = Table::named("users");
    let sql = bring_in(table.shape(), table.durable_key());
    assert_text(
        &sql,
        &expect![[r#"
            with hayloft_landing as (
            select sent.hayloft_key,
                sent.hayloft_line,
                sent.hayloft_0 as "name",
                sent.hayloft_1 as "email",
                sent.hayloft_2 as "date_of_birth"
            from unnest($3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::date[])
                as sent (hayloft_key, hayloft_line, hayloft_0, hayloft_1, hayloft_2)
            ), hayloft_change as materialized (
            select landing.hayloft_key, landing.hayloft_line,
                landing."name" as "name",
                landing."email" as "email",
                landing."date_of_birth" as "date_of_birth",
                case when latest.effective_end_date is null then latest.effective_start_date
                    else (
                        select current.effective_start_date
                        from "datawarehouse"."users" as current
                        where current."user_id" = landing.hayloft_key and current.effective_end_date is null
                    ) end as hayloft_start,
                coalesce(latest.version_number, 0) + 1 as hayloft_version,
                latest.load_id as hayloft_load
            from hayloft_landing as landing
            left join lateral (
                select version.*
                from "datawarehouse"."users" as version
                where version."user_id" = landing.hayloft_key
                order by version.effective_start_date desc
                limit 1
            ) as latest on true
            where (latest."user_id" is null
                or latest.effective_end_date is not null
                or landing."name" is distinct from latest."name"
                or landing."date_of_birth" is distinct from latest."date_of_birth")
            ), hayloft_closed as (
            update "datawarehouse"."users" as version
            set effective_end_date = $1
            from hayloft_change as change
            where version."user_id" = change.hayloft_key
              and version.effective_start_date = change.hayloft_start
            returning 1
            ), hayloft_opened as (
            insert into "datawarehouse"."users"
                ("user_id", "name", "email", "date_of_birth", effective_start_date, version_number, load_id, source_line)
            select hayloft_key, "name", "email", "date_of_birth", $1, hayloft_version, $2, hayloft_line
            from hayloft_change
            where (select count(*) from hayloft_closed) >= 0
            order by hayloft_key
            returning 1
            )
            select hayloft_key as key, hayloft_line as line, hayloft_version as number,
                hayloft_start as start, hayloft_load as load_id,
                (select count(*) from hayloft_closed) as closed,
                (select count(*) from hayloft_opened) as opened
            from hayloft_change
        "#]],
    );
}

#[test]
fn users_that_are_sent_are_found() {
    let table = Table::named("users");
    let sql = find_sent(table.shape(), table.durable_key());
    assert_text(
        &sql,
        &expect![[r#"
            with hayloft_landing as (
            select sent.hayloft_key,
                sent.hayloft_line,
                sent.hayloft_0 as "name",
                sent.hayloft_1 as "email",
                sent.hayloft_2 as "date_of_birth"
            from unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::date[])
                as sent (hayloft_key, hayloft_line, hayloft_0, hayloft_1, hayloft_2)
            )
            select landing.hayloft_key as key, landing.hayloft_line as line,
                coalesce(latest.version_number, 0) + 1 as number,
                case when latest.effective_end_date is null then latest.effective_start_date
                    else (
                        select current.effective_start_date
                        from "datawarehouse"."users" as current
                        where current."user_id" = landing.hayloft_key and current.effective_end_date is null
                    ) end as start, latest.load_id,
                (latest."user_id" is null
                    or latest.effective_start_date < $1 and (
                select count(*) filter (where version.effective_end_date is null) = 1
                   and count(*) = max(version.version_number)
                   and (max(version.effective_end_date)
                        <= max(version.effective_start_date) filter (where version.effective_end_date is null))
                       is not false
                   and count(*) = latest.version_number
                from "datawarehouse"."users" as version
                where version."user_id" = landing.hayloft_key
            )) is true as fit
            from hayloft_landing as landing
            left join lateral (
                select version.*
                from "datawarehouse"."users" as version
                where version."user_id" = landing.hayloft_key
                order by version.effective_start_date desc
                limit 1
            ) as latest on true
            where (latest."user_id" is null
                or latest.effective_end_date is not null
                or landing."name" is distinct from latest."name"
                or landing."date_of_birth" is distinct from latest."date_of_birth")
        "#]],
    );
}

#[test]
fn users_that_are_found_are_brought_in() {
    let table = Table::named("users");
    let sql = bring_in_found(table.shape(), table.durable_key());
    assert_text(
        &sql,
        &expect![[r#"
            with hayloft_landing as (
            select sent.hayloft_version,
                sent.hayloft_key,
                sent.hayloft_line,
                sent.hayloft_0 as "name",
                sent.hayloft_1 as "email",
                sent.hayloft_2 as "date_of_birth"
            from unnest($6::integer[], $7::uuid[], $8::bigint[], $9::text[], $10::text[], $11::date[])
                as sent (hayloft_version, hayloft_key, hayloft_line, hayloft_0, hayloft_1, hayloft_2)
            ), hayloft_change as (
            select landing.hayloft_key, landing.hayloft_line,
                landing."name" as "name",
                landing."email" as "email",
                landing."date_of_birth" as "date_of_birth",
                landing.hayloft_version
            from hayloft_landing as landing
            ), hayloft_known as (
            select *
            from unnest($3::uuid[], $4::timestamptz[], $5::integer[])
                as known (hayloft_key, hayloft_start, hayloft_number)
            ), hayloft_closed as (
            update "datawarehouse"."users" as version
            set effective_end_date = $1
            from hayloft_known as change
            where version."user_id" = change.hayloft_key
              and version.effective_start_date = change.hayloft_start
              and num_nulls(version.effective_end_date) = 1
              and version.version_number = change.hayloft_number
            returning 1
            ), hayloft_opened as (
            insert into "datawarehouse"."users"
                ("user_id", "name", "email", "date_of_birth", effective_start_date, version_number, load_id, source_line)
            select hayloft_key, "name", "email", "date_of_birth", $1, hayloft_version, $2, hayloft_line
            from hayloft_change
            where (select count(*) from hayloft_closed) >= 0
            returning effective_end_date
            )
            select (select count(*) from hayloft_closed) as closed,
                (select count(*) from hayloft_opened where effective_end_date is null) as opened
        "#]],
    );
}

#[test]
fn stations_are_brought_in_by_one_statement() {
    let table = Table::named("stations");
    let sql = bring_in(table.shape(), table.durable_key());
    assert_text(
        &sql,
        &expect![[r#"
            with hayloft_landing as (
            select sent.hayloft_key,
                sent.hayloft_line,
                sent.hayloft_0 as "country",
                sent.hayloft_1 as "number",
                sent.hayloft_2 as "address",
                sent.hayloft_3 as "It's ""odd"""
            from unnest($3::uuid[], $4::bigint[], $5::text[], $6::integer[], $7::text[], $8::json[])
                as sent (hayloft_key, hayloft_line, hayloft_0, hayloft_1, hayloft_2, hayloft_3)
            ), hayloft_change as materialized (
            select landing.hayloft_key, landing.hayloft_line,
                landing."country" as "country",
                landing."number" as "number",
                landing."address"::inet as "address",
                landing."It's ""odd""" as "It's ""odd""",
                case when latest.effective_end_date is null then latest.effective_start_date
                    else (
                        select current.effective_start_date
                        from "datawarehouse"."stations" as current
                        where current."station_key" = landing.hayloft_key and current.effective_end_date is null
                    ) end as hayloft_start,
                coalesce(latest.version_number, 0) + 1 as hayloft_version,
                latest.load_id as hayloft_load
            from hayloft_landing as landing
            left join lateral (
                select version.*
                from "datawarehouse"."stations" as version
                where version."station_key" = landing.hayloft_key
                order by version.effective_start_date desc
                limit 1
            ) as latest on true
            where (latest."station_key" is null
                or latest.effective_end_date is not null
                or landing."address"::inet::text collate pg_catalog."C" is distinct from latest."address"::text collate pg_catalog."C"
                or landing."It's ""odd"""::jsonb is distinct from latest."It's ""odd"""::jsonb)
            ), hayloft_closed as (
            update "datawarehouse"."stations" as version
            set effective_end_date = $1
            from hayloft_change as change
            where version."station_key" = change.hayloft_key
              and version.effective_start_date = change.hayloft_start
            returning 1
            ), hayloft_opened as (
            insert into "datawarehouse"."stations"
                ("station_key", "country", "number", "address", "It's ""odd""", effective_start_date, version_number, load_id, source_line)
            select hayloft_key, "country", "number", "address", "It's ""odd""", $1, hayloft_version, $2, hayloft_line
            from hayloft_change
            where (select count(*) from hayloft_closed) >= 0
            order by hayloft_key
            returning 1
            )
            select hayloft_key as key, hayloft_line as line, hayloft_version as number,
                hayloft_start as start, hayloft_load as load_id,
                (select count(*) from hayloft_closed) as closed,
                (select count(*) from hayloft_opened) as opened
            from hayloft_change
        "#]],
    );
}

#[test]
fn a_type_with_a_number_of_its_own_is_sent_as_text_and_cast() {
    let text = |sql: &str| ColumnType::Text {
        sql: sql.into(),
        max_chars: None,
    };
    assert_eq!(element(&text("text")).cast, None);
    assert_eq!(
        element(&text("character varying(20)")).cast.as_deref(),
        Some("character varying(20)")
    );
    let mood = ColumnType::Enum {
        sql: "public.mood".into(),
        labels: Vec::new(),
    };
    assert_eq!(element(&mood).cast.as_deref(), Some("public.mood"));
    assert_eq!(element(&ColumnType::Numeric(None)).cast, None);
}

#[test]
fn transactions_without_a_user_are_taken_out() {
    let table = Table::named("transactions");
    let sql = remove_unresolved(&table.contract, table.reference());
    assert_text(
        &sql,
        &expect![[r#"
        delete from pg_temp.hayloft_landing as landing
        where landing."user_id" is not null and not exists (select from "datawarehouse"."users" as member where member."user_id" = landing."user_id")
        returning landing.hayloft_line as line
    "#]],
    );
}

#[test]
fn transactions_without_a_user_are_held() {
    let table = Table::named("transactions");
    let sql = hold_unresolved(&table.contract, &[table.reference()]);
    assert_text(
        &sql,
        &expect![[r#"
            with hayloft_waiting as (
                delete from pg_temp.hayloft_landing as landing
                where landing."user_id" is not null and not exists (select from "datawarehouse"."users" as member where member."user_id" = landing."user_id")
                returning landing.*
            )
            insert into hayloft.held_fact (table_name, fact_key, load_id, source_line, row)
            select $1, hayloft_key, $2, hayloft_line, to_jsonb(hayloft_waiting) - 'hayloft_key' - 'hayloft_line'
            from hayloft_waiting
        "#]],
    );
}

#[test]
fn what_transactions_wait_for_is_noted() {
    let table = Table::named("transactions");
    let sql = note_awaited(&table.contract, table.reference(), Holding::OfLoad);
    assert_text(
        &sql,
        &expect![[r#"
            insert into hayloft.held_reference (table_name, fact_key, dimension, dimension_key)
            select held_fact.table_name, held_fact.fact_key, $2, (held_fact.row ->> 'user_id')::uuid
            from hayloft.held_fact
            where held_fact.table_name = $1 and held_fact.load_id = $3
              and held_fact.row ->> 'user_id' is not null
              and (held_fact.misfits <> '{}' or not exists (
                  select from "datawarehouse"."users" as member
                  where member."user_id" = (held_fact.row ->> 'user_id')::uuid
              ))
            on conflict do nothing
        "#]],
    );
}

#[test]
fn changed_transactions_are_updated() {
    let table = Table::named("transactions");
    let sql = update_facts(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
            update "datawarehouse"."transactions" as fact
            set "user_id" = landing."user_id",
                "amount" = landing."amount",
                "transaction_date" = landing."transaction_date",
                updated_at = greatest(fact.updated_at, $1),
                load_id = $2, source_line = landing.hayloft_line
            from pg_temp.hayloft_changed_fact as landing
            where fact."id" = landing."id"
        "#]],
    );
}

#[test]
fn changed_readings_are_updated_without_stamps() {
    let table = Table::named("readings");
    let sql = update_facts(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
            update "datawarehouse"."readings" as fact
            set "value" = landing."value",
                load_id = $2, source_line = landing.hayloft_line
            from pg_temp.hayloft_changed_fact as landing
            where fact."station_key" = landing."station_key" and fact."taken on" = landing."taken on"
        "#]],
    );
}

#[test]
fn new_transactions_are_inserted() {
    let table = Table::named("transactions");
    let sql = insert_facts(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
        insert into "datawarehouse"."transactions"
            ("id", "user_id", "amount", "transaction_date", created_at, updated_at, load_id, source_line)
        select landing."id", landing."user_id", landing."amount", landing."transaction_date", $1, $1, $2, landing.hayloft_line
        from pg_temp.hayloft_landing as landing
        where not exists (select from "datawarehouse"."transactions" as fact where fact."id" = landing."id")
        order by landing."id"
    "#]],
    );
}

#[test]
fn new_readings_are_inserted_in_the_order_of_their_key() {
    let table = Table::named("readings");
    let sql = insert_facts(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
        insert into "datawarehouse"."readings"
            ("station_key", "taken on", "value", load_id, source_line)
        select landing."station_key", landing."taken on", landing."value", $2, landing.hayloft_line
        from pg_temp.hayloft_landing as landing
        where not exists (select from "datawarehouse"."readings" as fact where fact."station_key" = landing."station_key" and fact."taken on" = landing."taken on")
        order by landing."station_key", landing."taken on"
    "#]],
    );
}

#[test]
fn held_transactions_are_released() {
    let table = Table::named("transactions");
    let sql = release_held(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
            with ready as (
                delete from hayloft.held_fact as held
                using pg_temp.hayloft_met as met
                where held.table_name = $2 and held.fact_key = met.fact_key
                  and held.row ?& array['id', 'user_id', 'amount', 'transaction_date']::text[] and not held.row ?| array[]::text[]
                  and not exists (
                      select from hayloft.held_reference as waits
                      where waits.table_name = held.table_name and waits.fact_key = held.fact_key
                  )
                returning held.fact_key, held.row, held.load_id, held.source_line
            ), arriving as (
                select ready.fact_key as hayloft_key, ready.load_id as hayloft_load,
                    ready.source_line as hayloft_line, load.effective_at as hayloft_said_at,
                    greatest(load.effective_at, $1) as hayloft_at, populated."id", populated."user_id", populated."amount", populated."transaction_date"
                from ready
                join hayloft.load on load.load_id = ready.load_id
                cross join lateral jsonb_populate_record(null::"datawarehouse"."transactions", ready.row) as populated
            ), known as (
                select arriving.*, fact.load_id as hayloft_old_load, fact.source_line as hayloft_old_line,
                    jsonb_object(array['id', 'user_id', 'amount', 'transaction_date']::text[], array[(fact."id")::text, (fact."user_id")::text, (fact."amount")::text, (fact."transaction_date")::text]::text[]) as hayloft_said,
                    (arriving."id" is distinct from fact."id"
                    or arriving."user_id" is distinct from fact."user_id"
                    or arriving."amount" is distinct from fact."amount"
                    or arriving."transaction_date" is distinct from fact."transaction_date") as hayloft_differs
                from arriving
                join "datawarehouse"."transactions" as fact on fact."id" = arriving."id"
            ), remembered as (
                insert into hayloft.payload (key, load_id, line, row)
                select hayloft_key, hayloft_old_load, hayloft_old_line, hayloft_said
                from known
                where exists (select from hayloft.load where load_id = hayloft_old_load and table_name = $2 and status = 'loaded')
                on conflict (key, load_id, line) do update
                set row = excluded.row || payload.row
                where not payload.row ?& array(select jsonb_object_keys(excluded.row))
            ), let_in as (
                insert into hayloft.let_in (key, load_id, at)
                select hayloft_key, hayloft_load, hayloft_at
                from arriving
                where hayloft_at > hayloft_said_at
                on conflict do nothing
            ), changed as (
                update "datawarehouse"."transactions" as fact
                set "id" = arriving."id",
                    "user_id" = arriving."user_id",
                    "amount" = arriving."amount",
                    "transaction_date" = arriving."transaction_date",
                updated_at = greatest(fact.updated_at, arriving.hayloft_at),
                    load_id = arriving.hayloft_load, source_line = arriving.hayloft_line
                from known as arriving
                where fact."id" = arriving."id"
                returning arriving.hayloft_differs as differs
            ), added as (
                insert into "datawarehouse"."transactions" ("id", "user_id", "amount", "transaction_date", created_at, updated_at, load_id, source_line)
                select "id", "user_id", "amount", "transaction_date", hayloft_at, hayloft_at, hayloft_load, hayloft_line
                from arriving
                where not exists (select from "datawarehouse"."transactions" as fact where fact."id" = arriving."id")
                returning 1
            )
            select (select count(*) from ready) as count,
                (select count(*) from added) as inserted,
                (select count(*) from changed where differs) as updated,
                (select count(*) from changed) as written,
                (select count(*) from known where not exists (select from hayloft.load where load_id = hayloft_old_load and table_name = $2 and status = 'loaded')) as unknown
        "#]],
    );
}

#[test]
fn held_readings_of_keys_alone_are_released() {
    let table = Table::named("readings").filled_by(&["station_key", "taken on"]);
    assert_text(
        &release_held(table.shape()),
        &expect![[r#"
            with ready as (
                delete from hayloft.held_fact as held
                using pg_temp.hayloft_met as met
                where held.table_name = $2 and held.fact_key = met.fact_key
                  and held.row ?& array['station_key', 'taken on']::text[] and not held.row ?| array['value']::text[]
                  and not exists (
                      select from hayloft.held_reference as waits
                      where waits.table_name = held.table_name and waits.fact_key = held.fact_key
                  )
                returning held.fact_key, held.row, held.load_id, held.source_line
            ), arriving as (
                select ready.fact_key as hayloft_key, ready.load_id as hayloft_load,
                    ready.source_line as hayloft_line, load.effective_at as hayloft_said_at,
                    greatest(load.effective_at, $1) as hayloft_at, populated."station_key", populated."taken on"
                from ready
                join hayloft.load on load.load_id = ready.load_id
                cross join lateral jsonb_populate_record(null::"datawarehouse"."readings", ready.row) as populated
            ), known as (
                select arriving.*, fact.load_id as hayloft_old_load, fact.source_line as hayloft_old_line,
                    jsonb_object(array['station_key', 'taken on', 'value']::text[], array[(fact."station_key")::text, (fact."taken on")::text, (fact."value")::text]::text[]) as hayloft_said,
                    (arriving."station_key" is distinct from fact."station_key"
                    or arriving."taken on" is distinct from fact."taken on") as hayloft_differs
                from arriving
                join "datawarehouse"."readings" as fact on fact."station_key" = arriving."station_key" and fact."taken on" = arriving."taken on"
            ), remembered as (
                insert into hayloft.payload (key, load_id, line, row)
                select hayloft_key, hayloft_old_load, hayloft_old_line, hayloft_said
                from known
                where exists (select from hayloft.load where load_id = hayloft_old_load and table_name = $2 and status = 'loaded')
                on conflict (key, load_id, line) do update
                set row = excluded.row || payload.row
                where not payload.row ?& array(select jsonb_object_keys(excluded.row))
            ), let_in as (
                insert into hayloft.let_in (key, load_id, at)
                select hayloft_key, hayloft_load, hayloft_at
                from arriving
                where hayloft_at > hayloft_said_at
                on conflict do nothing
            ), changed as (
                update "datawarehouse"."readings" as fact
                set "station_key" = arriving."station_key",
                    "taken on" = arriving."taken on",
                    load_id = arriving.hayloft_load, source_line = arriving.hayloft_line
                from known as arriving
                where fact."station_key" = arriving."station_key" and fact."taken on" = arriving."taken on"
                returning arriving.hayloft_differs as differs
            ), added as (
                insert into "datawarehouse"."readings" ("station_key", "taken on", load_id, source_line)
                select "station_key", "taken on", hayloft_load, hayloft_line
                from arriving
                where not exists (select from "datawarehouse"."readings" as fact where fact."station_key" = arriving."station_key" and fact."taken on" = arriving."taken on")
                returning 1
            )
            select (select count(*) from ready) as count,
                (select count(*) from added) as inserted,
                (select count(*) from changed where differs) as updated,
                (select count(*) from changed) as written,
                (select count(*) from known where not exists (select from hayloft.load where load_id = hayloft_old_load and table_name = $2 and status = 'loaded')) as unknown
        "#]],
    );
}

#[test]
fn what_met_transactions_speak_of_is_read() {
    let table = Table::named("transactions");
    assert_text(
        &read_columns_of_met(&table.contract),
        &expect![[r"
        select distinct array[held.row ? 'id', held.row ? 'user_id', held.row ? 'amount', held.row ? 'transaction_date']::boolean[] as speaks
        from pg_temp.hayloft_met as met
        join hayloft.held_fact as held on held.table_name = $1 and held.fact_key = met.fact_key
        order by speaks
    "]],
    );
}

#[test]
fn an_empty_table_is_asked_for() {
    let table = Table::named("users");
    let sql = is_empty(&table.contract.table);
    assert_text(
        &sql,
        &expect![[r#"
        select not exists (select from "datawarehouse"."users") as answer
    "#]],
    );
}

#[test]
fn a_table_is_had_alone_at_once_or_not_at_all() {
    let table = Table::named("users");
    let sql = lock_alone(&table.contract.table);
    assert_text(
        &sql,
        &expect![[r#"
        lock table "datawarehouse"."users" in access exclusive mode nowait
    "#]],
    );
}

/// The tuples of a COPY have no names: the order is all that joins them to the columns.
#[test]
fn the_columns_of_the_landing_are_in_the_order_of_its_definition() {
    for name in ["users", "transactions", "stations", "readings"] {
        let table = Table::named(name);
        let definition = create_landing(table.shape());
        let places: Vec<usize> = landing_columns(table.shape())
            .iter()
            .map(|column| {
                let quoted = format!("\n    {column} ");
                let bare = format!("\n    {} ", column.name());
                definition.find(&quoted).or(definition.find(&bare)).unwrap()
            })
            .collect();
        assert!(places.is_sorted(), "{definition}");
    }
}
