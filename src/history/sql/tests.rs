//! What each statement looks like, for the table that Hayloft comes with and for one of another
//! shape: a key of two parts, types without equality, a name with quotes, no `is_current`.

use std::collections::BTreeMap;
use std::path::Path;

use expect_test::{Expect, expect};

use super::{
    Dimension, Object, count_versions, facts_of_no_load, faulty_versions, held_for_members_there,
    repeated_facts, unresolved_facts,
};
use crate::contract::catalog::{Catalog, CatalogColumn, CatalogTable, UniqueKey};
use crate::contract::{
    ColumnType, Contract, ContractFile, Contracts, Ident, JsonKind, Kind, Nullability, Precision,
    ServerType, TableName,
};

const TOML: &str = r#"
[tables.users]
key         = ["email"]
durable_key = "user_id"

[tables.users.columns]
phone = { role = "type1" }

[tables.stations]
key         = ["country", "number"]
durable_key = "station_key"

[tables.readings]
kind       = "fact"
key        = ["station_key", "taken on"]
references = { station_key = "stations" }
"#;

fn contracts() -> Contracts {
    let file = ContractFile::parse(Path::new("hayloft.toml"), TOML).unwrap();
    let tables = BTreeMap::from([
        (
            "users".into(),
            dimension(
                "user_id",
                &[("name", text()), ("email", text()), ("phone", text())],
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
                    ("It's \"odd\"", ColumnType::Json(JsonKind::Text)),
                ],
            ),
        ),
        (
            "readings".into(),
            table(
                &[
                    ("station_key", ColumnType::Uuid),
                    ("taken on", ColumnType::Date),
                    ("load_id", ColumnType::Int8),
                    ("source_line", ColumnType::Int8),
                ],
                vec![unique(&["station_key", "taken on"], None)],
            ),
        ),
    ]);
    let schema = "datawarehouse".to_owned();
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
    let key = [(durable_key, ColumnType::Uuid)];
    let all: Vec<_> = key
        .into_iter()
        .chain(columns.iter().cloned())
        .chain(own)
        .collect();
    let unique_keys = vec![
        unique(&[durable_key], Some("(effective_end_date IS NULL)")),
        unique(&[durable_key, "effective_start_date"], None),
    ];
    table(&all, unique_keys)
}

fn table(columns: &[(&str, ColumnType)], unique_keys: Vec<UniqueKey>) -> CatalogTable {
    let columns = columns
        .iter()
        .map(|(name, column_type)| {
            CatalogColumn::new(name, column_type.clone(), Nullability::Nullable)
        })
        .collect();
    CatalogTable::new(columns, unique_keys)
}

fn unique(columns: &[&str], predicate: Option<&str>) -> UniqueKey {
    UniqueKey {
        columns: columns.iter().copied().map(String::from).collect(),
        predicate: predicate.map(String::from),
    }
}

fn contract(name: &str) -> Contract {
    contracts().get(&TableName::new(name)).unwrap().clone()
}

fn durable_key(contract: &Contract) -> &Ident {
    match &contract.kind {
        Kind::Dimension { durable_key, .. } => durable_key,
        Kind::Fact { .. } => panic!("a fact"),
    }
}

/// The object of a dimension that has these columns.
#[track_caller]
fn made(object: Object, table: &str, columns: &[&str], expected: &Expect) {
    let contract = contract(table);
    let columns: Vec<Ident> = columns.iter().copied().map(Ident::vouched).collect();
    let name = object.name(&contract.table).unwrap();
    let dimension = Dimension {
        contract: &contract,
        durable_key: durable_key(&contract),
        columns: &columns,
    };
    expected.assert_eq(&(object.create(&name, dimension) + "\n"));
}

#[test]
fn the_current_view_shows_all_columns_of_the_open_versions() {
    made(
        Object::Current,
        "users",
        &["id", "user_id", "is_current"],
        &expect![[r#"
            create or replace view "datawarehouse"."users_current" as
            select version."id", version."user_id", version."is_current"
            from "datawarehouse"."users" as version
            where version.effective_end_date is null
        "#]],
    );
}

#[test]
fn the_history_view_has_is_current_also_where_the_table_does_not() {
    made(
        Object::History,
        "stations",
        &["station_key", "It's \"odd\""],
        &expect![[r#"
            create or replace view "datawarehouse"."stations_history" as
            select version."station_key", version."It's ""odd""", version.effective_end_date is null as is_current
            from "datawarehouse"."stations" as version
        "#]],
    );
}

#[test]
fn the_changes_view_compares_each_version_with_the_one_before() {
    made(
        Object::Changes,
        "stations",
        &[],
        &expect![[r#"
            create or replace view "datawarehouse"."stations_changes" as
            select version."station_key", (version.present)."country", (version.present)."number",
                change.changed_at, change.change, difference.changed_columns,
                difference.before, difference.after, change.load_id, change.source_line
            from (
                select one."station_key", one as present,
                    lag(one) over by_start as earlier,
                    lead(one.effective_start_date) over by_start as next_start
                from "datawarehouse"."stations" as one
                window by_start as (partition by one."station_key" order by one.effective_start_date)
            ) as version
            cross join lateral (
                select (present).effective_start_date as changed_at,
                    case
                        when (earlier)."station_key" is null then 'inserted'
                        when (earlier).effective_end_date = (present).effective_start_date then 'updated'
                        else 'reopened'
                    end as change,
                    case
                        when (earlier).effective_end_date = (present).effective_start_date then earlier
                    end as said_before,
                    present as said_after,
                    (present).load_id, (present).source_line
                union all
                select (present).effective_end_date, 'closed', present, null, null, null
                where (present).effective_end_date is not null
                  and next_start is distinct from (present).effective_end_date
            ) as change
            cross join lateral (
                select coalesce(array_agg(name order by place), '{}') as changed_columns,
                    case when (said_before)."station_key" is not null then
                        coalesce(jsonb_object_agg(name, value_before), '{}')
                    end as before,
                    case when (said_after)."station_key" is not null then
                        coalesce(jsonb_object_agg(name, value_after), '{}')
                    end as after
                from (values
                    (1, 'address', to_jsonb((said_before)."address"), to_jsonb((said_after)."address"), (said_before)."address"::text collate pg_catalog."C" is distinct from (said_after)."address"::text collate pg_catalog."C"),
                    (2, 'It''s "odd"', to_jsonb((said_before)."It's ""odd"""), to_jsonb((said_after)."It's ""odd"""), (said_before)."It's ""odd"""::jsonb is distinct from (said_after)."It's ""odd"""::jsonb)
                ) as compared (place, name, value_before, value_after, differs)
                where differs
            ) as difference
            order by change.changed_at, version."station_key"
        "#]],
    );
}

#[test]
fn the_as_of_function_is_one_select() {
    made(
        Object::AsOf,
        "users",
        &[],
        &expect![[r#"
        create or replace function "datawarehouse"."users_asof"(instant timestamptz)
        returns setof "datawarehouse"."users"
        language sql stable parallel safe
        as 'select version.*
        from "datawarehouse"."users" as version
        where version.effective_start_date <= $1
          and (version.effective_end_date is null or version.effective_end_date > $1)'
    "#]],
    );
}

#[test]
fn a_name_that_postgres_would_cut_off_is_none() {
    let mut table = contract("users").table;
    table.table = Ident::vouched("a".repeat(55));
    assert!(
        Object::ALL
            .iter()
            .all(|object| object.name(&table).is_some())
    );
    table.table = Ident::vouched("a".repeat(56));
    assert!(Object::Current.name(&table).is_none());
}

#[test]
fn a_comment_is_put_on_a_view_and_on_the_function() {
    let table = contract("users").table;
    let comment = |object: Object| object.comment(&object.name(&table).unwrap(), "it's ours");
    assert_eq!(
        comment(Object::Current),
        r#"comment on view "datawarehouse"."users_current" is 'it''s ours'"#
    );
    assert_eq!(
        comment(Object::AsOf),
        r#"comment on function "datawarehouse"."users_asof"(timestamptz) is 'it''s ours'"#
    );
}

#[test]
fn one_pass_over_the_versions_counts_all_that_can_be_wrong_with_them() {
    let contract = contract("users");
    expect![[r#"
        with version as (
            select one."user_id" as key,
                row_number() over by_start = 1 as is_first,
                one.effective_end_date <= one.effective_start_date as ends_before_it_starts,
                one.effective_end_date is null
                    and count(*) filter (where one.effective_end_date is null) over by_key > 1
                    as several_open,
                one.effective_start_date = lag(one.effective_start_date) over by_start as start_together,
                one.effective_end_date is not null
                    and one.effective_start_date < max(one.effective_end_date) over before
                    as overlap,
                one.effective_end_date is null
                    and one.effective_start_date < max(one.effective_end_date) over by_key
                    as open_starts_early,
                one.effective_start_date = lag(one.effective_end_date) over by_start
                    and not (one."name" is distinct from lag(one."name") over by_start)
                    as says_the_same,
                one.version_number <> row_number() over by_start as misnumbered,
                row_number() over by_start > 1 and (one."phone" is distinct from lag(one."phone") over by_start) as shared_value_differs,
                load.load_id is null as of_no_load,
                one.effective_start_date <> load.effective_at and load.instants = 'shared'
                    or load.instants = 'own' and said.key is null
                    as not_of_its_instant
            from "datawarehouse"."users" as one
            left join hayloft.load
                on load.load_id = one.load_id and load.status = 'loaded' and load.table_name = $1
            left join hayloft.observation as said
                on load.instants = 'own' and said.key = one."user_id"
                and said.load_id = one.load_id and said.line = one.source_line
                and said.at = one.effective_start_date and said.presence = 'present'
            window by_key as (partition by one."user_id"),
                by_start as (partition by one."user_id" order by one.effective_start_date),
                before as (by_start rows between unbounded preceding and 1 preceding)
        )
        select count(*) as rows, count(*) filter (where is_first) as keys,
            array[count(*) filter (where ends_before_it_starts),
                count(*) filter (where several_open),
                count(*) filter (where start_together),
                count(*) filter (where overlap),
                count(*) filter (where open_starts_early),
                count(*) filter (where says_the_same),
                count(*) filter (where misnumbered),
                count(*) filter (where shared_value_differs),
                count(*) filter (where of_no_load),
                count(*) filter (where not_of_its_instant)] as faults
        from version
    "#]].assert_eq(&(count_versions(&contract, durable_key(&contract)) + "\n"));
}

#[test]
fn values_without_equality_are_compared_by_what_equality_there_is() {
    let contract = contract("stations");
    let statement = count_versions(&contract, durable_key(&contract));
    for part in [
        "one.\"address\"::text collate pg_catalog.\"C\" is distinct from lag(one.\"address\") \
         over by_start::text collate pg_catalog.\"C\"",
        "one.\"It's \"\"odd\"\"\"::jsonb is distinct from",
        "row_number() over by_start > 1 and (false) as shared_value_differs",
    ] {
        assert!(statement.contains(part), "{part}\n{statement}");
    }
}

#[test]
fn a_second_pass_names_the_keys() {
    let contract = contract("users");
    let statement = faulty_versions(&contract, durable_key(&contract));
    let (_, tail) = statement.split_once("\n)\n").unwrap();
    expect![[r"
        select asked.code, count(distinct version.key) as count,
            (array_agg(distinct version.key::text))[1:5] as examples
        from version
        cross join lateral (values
            ('ends_before_it_starts', ends_before_it_starts),
            ('several_open', several_open),
            ('start_together', start_together),
            ('overlap', overlap),
            ('open_starts_early', open_starts_early),
            ('says_the_same', says_the_same),
            ('misnumbered', misnumbered),
            ('shared_value_differs', shared_value_differs),
            ('of_no_load', of_no_load),
            ('not_of_its_instant', not_of_its_instant)
        ) as asked (code, found)
        where asked.found
        group by asked.code
    "]]
    .assert_eq(&format!("{tail}\n"));
}

#[test]
fn facts_are_asked_for_their_key_their_load_and_their_members() {
    let contract = contract("readings");
    let Kind::Fact { references, .. } = &contract.kind else {
        panic!("a dimension");
    };
    let all = [
        repeated_facts(&contract),
        facts_of_no_load(&contract),
        unresolved_facts(&contract, &references[0]),
        held_for_members_there(&references[0]),
    ];
    expect![[r#"
        select count(*) as count,
            (array_agg(format('load %s, line %s', load_id, source_line) order by load_id, source_line))[1:5]
            as examples
        from (
            select min(load_id) as load_id, min(source_line) as source_line
            from "datawarehouse"."readings"
            group by "station_key", "taken on"
            having count(*) > 1
        ) as fact

        select count(*) as count,
            (array_agg(format('load %s, line %s', load_id, source_line) order by load_id, source_line))[1:5]
            as examples
        from (
            select fact.load_id, fact.source_line
            from "datawarehouse"."readings" as fact
            where not exists (
                select from hayloft.load
                where load.load_id = fact.load_id and load.status = 'loaded' and load.table_name = $1
            )
        ) as fact

        select count(distinct fact."station_key") as count,
            (array_agg(distinct fact."station_key"::text))[1:5] as examples
        from "datawarehouse"."readings" as fact
        where fact."station_key" is not null and not exists (
            select from "datawarehouse"."stations" as member where member."station_key" = fact."station_key"
        )

        select count(distinct waits.dimension_key) as count,
            (array_agg(distinct waits.dimension_key::text))[1:5] as examples
        from hayloft.held_reference as waits
        join hayloft.held_fact as held using (table_name, fact_key)
        where held.reason is null and waits.table_name = $1 and waits.dimension = $2 and exists (
            select from "datawarehouse"."stations" as member where member."station_key" = waits.dimension_key
        )
    "#]].assert_eq(&(all.join("\n\n") + "\n"));
}
