//! What each statement of a takeover, and of a baseline, looks like for the people of the example.

use chrono_tz::Tz;
use expect_test::{Expect, expect};

use super::{EndMeaning, SourceColumn, VersionSource, Zoned, without_modifier};
use crate::contract::{Contract, Ident, Kind, Nullability, QualifiedName, Role};
use crate::merge::sql::{self, tests::contract};

fn check(statement: impl FnOnce(&Contract, &Ident) -> String, expected: &Expect) {
    let contract = contract("users");
    let Kind::Dimension { durable_key, .. } = &contract.kind else {
        panic!("users is a dimension");
    };
    expected.assert_eq(&(statement(&contract, durable_key) + "\n"));
}

/// A table whose versions end on a day, with a flag.
fn source() -> VersionSource {
    VersionSource {
        table: QualifiedName {
            schema: Ident::vouched("old"),
            table: Ident::vouched("people"),
        },
        columns: vec![
            Some(source_column("full name", "text", Zoned::InText)),
            Some(source_column("mail", "character(20)", Zoned::InText)),
            None,
        ],
        starts: source_column("since", "timestamp with time zone", Zoned::Yes),
        ends: Some(source_column("until", "text", Zoned::InText)),
        current: Some(Ident::vouched("active")),
        zone: Tz::Europe__Prague,
        end_meaning: EndMeaning::LastDay,
        unused: Vec::new(),
    }
}

fn source_column(name: &str, type_sql: &str, zoned: Zoned) -> SourceColumn {
    SourceColumn {
        column: Ident::vouched(name),
        type_sql: type_sql.to_owned(),
        zoned,
    }
}

/// The same of the transactions of the example.
fn check_fact(statement: impl FnOnce(&Contract) -> String, expected: &Expect) {
    expected.assert_eq(&(statement(&contract("transactions")) + "\n"));
}

#[test]
fn unknown_facts_become_those_of_a_load() {
    check_fact(
        sql::take_unknown_facts,
        &expect![[r#"
        update "datawarehouse"."transactions" as fact
        set load_id = $2, source_line = taken.line
        from (
            select fact."id", row_number() over (order by fact."id") as line
            from "datawarehouse"."transactions" as fact
            where not exists (
            select from hayloft.load as known
            where known.load_id = fact.load_id and known.table_name = $1
              and known.status = 'loaded'
        )
        ) as taken
        where fact."id" = taken."id"
    "#]],
    );
}

#[test]
fn facts_of_a_takeover_are_read_with_their_lines() {
    check_fact(
        sql::read_taken_facts,
        &expect![[r#"
        select fact.source_line as line, array[(fact."id")::text, (fact."user_id")::text, (fact."amount")::text, (fact."transaction_date")::text]::text[] as cells
        from "datawarehouse"."transactions" as fact
        where fact.load_id = $1
    "#]],
    );
}

#[test]
fn unknown_facts_without_their_member_are_counted() {
    let count = |fact: &Contract| match &fact.kind {
        Kind::Fact { references, .. } => sql::count_unknown_without_member(fact, &references[0]),
        Kind::Dimension { .. } => panic!("transactions are facts"),
    };
    check_fact(
        count,
        &expect![[r#"
        select count(*) as count
        from "datawarehouse"."transactions" as fact
        where fact."user_id" is not null and not exists (select from "datawarehouse"."users" as member where member."user_id" = fact."user_id")
          and not exists (
            select from hayloft.load as known
            where known.load_id = fact.load_id and known.table_name = $1
              and known.status = 'loaded'
        )
    "#]],
    );
}

#[test]
fn what_a_new_column_holds_is_stated() {
    check(
        |contract, key| sql::state_baseline(contract, key, &contract.columns[0]),
        &expect![[r#"
            insert into hayloft.observation (key, at, load_id, line, presence)
            select version."user_id", version.effective_start_date, $1, version.version_number, 'present'
            from (
                select stated."user_id" as key, min(stated.effective_start_date) filter (where stated."name" is not null) as starts
                from "datawarehouse"."users" as stated
                group by stated."user_id"
                having bool_or(stated."name" is not null)
            ) as first
            join "datawarehouse"."users" as version
                on version."user_id" = first.key and version.effective_start_date >= first.starts
            order by version."user_id"
        "#]],
    );
}

#[test]
fn one_value_for_all_versions_is_kept() {
    check(
        |contract, key| {
            let mut column = contract.columns[0].clone();
            column.role = Role::Type1;
            sql::keep_baseline(contract, key, &column)
        },
        &expect![[r#"
            insert into hayloft.payload (key, load_id, line, row)
            select observed.key, observed.load_id, observed.line, jsonb_build_object($2::text, shown.value)
            from hayloft.observation as observed
            cross join lateral (
                select (array[(version."name")::text]::text[])[1] as value
                from "datawarehouse"."users" as version
                where version."user_id" = observed.key
                order by version.effective_start_date desc
                limit 1
            ) as shown
            where observed.load_id = $1
        "#]],
    );
}

#[test]
fn keys_with_mergeable_versions_are_touched() {
    check(
        sql::touch_mergeable,
        &expect![[r#"
            insert into pg_temp.hayloft_touched (key)
            select distinct version."user_id"
            from "datawarehouse"."users" as version
            join "datawarehouse"."users" as next
                on next."user_id" = version."user_id"
                and next.effective_start_date = version.effective_end_date
            where not exists (
                select from "datawarehouse"."users" as stranger
                where stranger."user_id" = version."user_id" and not exists (
                select from hayloft.load as known
                where known.load_id = stranger.load_id and known.table_name = $1
                  and known.status = 'loaded'
            )
            )
              and (version."name" is null or not (next."name" is distinct from version."name") or exists (select from hayloft.load where table_name = $1 and defaults ? 'name'))
              and (version."date_of_birth" is null or not (next."date_of_birth" is distinct from version."date_of_birth") or exists (select from hayloft.load where table_name = $1 and defaults ? 'date_of_birth'))
        "#]],
    );
}

#[test]
fn versions_of_no_load_are_observed() {
    check(
        sql::observe_unknown,
        &expect![[r#"
            insert into hayloft.observation (key, at, load_id, line, presence)
            select said.key, said.at, $2,
                row_number() over (order by said.key, said.at, said.presence), said.presence
            from (
                select version."user_id" as key, version.effective_start_date as at,
                    'present' as presence
                from "datawarehouse"."users" as version
                where not exists (
                select from hayloft.load as known
                where known.load_id = version.load_id and known.table_name = $1
                  and known.status = 'loaded'
            )
                union all
                select version."user_id", version.effective_end_date, 'absent'
                from "datawarehouse"."users" as version
                where version.effective_end_date is not null and not exists (
                select from hayloft.load as known
                where known.load_id = version.load_id and known.table_name = $1
                  and known.status = 'loaded'
            )
                  and not exists (
                      select from "datawarehouse"."users" as next
                      where next."user_id" = version."user_id"
                        and next.effective_start_date = version.effective_end_date
                  )
            ) as said
        "#]],
    );
}

#[test]
fn keys_with_overlapping_versions_are_counted() {
    check(
        sql::count_overlapping,
        &expect![[r#"
        select count(distinct version.key) as count
        from (
            select "user_id" as key, effective_start_date as starts, effective_end_date as ends,
                lag(effective_start_date) over earlier as before_starts,
                lag(effective_end_date) over earlier as before_ends
            from "datawarehouse"."users"
            window earlier as (partition by "user_id" order by effective_start_date)
        ) as version
        where version.ends <= version.starts
           or version.before_starts is not null
          and (version.before_ends is null or version.before_ends > version.starts)
    "#]],
    );
}

#[test]
fn rows_of_another_table_become_versions() {
    check(
        |contract, key| sql::insert_taken(contract, key, &source()),
        &expect![[r#"
            insert into "datawarehouse"."users"
                ("user_id", "name", "email", effective_start_date, effective_end_date,
                 version_number, load_id, source_line)
            select taken.key, (source."full name")::text::text, taken.part_1::text, at.starts, case when lower((source."active")::text) in ('t', 'true', 'y', 'yes', '1') then null else at.ends end,
                row_number() over (partition by taken.key order by at.starts), $1,
                row_number() over (order by taken.key, at.starts)
            from "old"."people" as source
            join pg_temp.hayloft_taken_key as taken on taken.raw_1 = (source."mail")::text
            cross join lateral (select (source."since") as starts, nullif((pg_temp.hayloft_told_instants((source."until")::text, 'Europe/Prague', '0', true))[1], 'infinity') as ends offset 0) as at
        "#]],
    );
}

#[test]
fn a_version_ends_where_the_next_starts() {
    check(
        |contract, key| {
            let source = VersionSource {
                ends: None,
                current: None,
                ..source()
            };
            sql::insert_taken(contract, key, &source)
        },
        &expect![[r#"
            insert into "datawarehouse"."users"
                ("user_id", "name", "email", effective_start_date, effective_end_date,
                 version_number, load_id, source_line)
            select taken.key, (source."full name")::text::text, taken.part_1::text, at.starts, lead(at.starts) over (partition by taken.key order by at.starts),
                row_number() over (partition by taken.key order by at.starts), $1,
                row_number() over (order by taken.key, at.starts)
            from "old"."people" as source
            join pg_temp.hayloft_taken_key as taken on taken.raw_1 = (source."mail")::text
            cross join lateral (select (source."since") as starts, null::timestamptz as ends offset 0) as at
        "#]],
    );
}

#[test]
fn rows_without_a_value_are_counted() {
    check(
        |contract, _| {
            let mut contract = contract.clone();
            contract.columns[0].nullability = Nullability::Required;
            sql::count_missing(&contract, &source()).unwrap().statement
        },
        &expect![[r#"
            select array[
                count(*) filter (where source."since" is null),
                count(*) filter (where source."full name" is null)
            ]::bigint[] as counts
            from "old"."people" as source
        "#]],
    );
}

#[test]
fn values_that_no_column_takes_are_counted() {
    check(
        |contract, _| sql::count_misfits(contract, &source()).unwrap().statement,
        &expect![[r#"
            select array[
                count(*) filter (where source."until" is not null and pg_temp.hayloft_converted((source."until")::text, 'text', 'timestamp with time zone') is null)
            ]::bigint[] as counts
            from "old"."people" as source
        "#]],
    );
}

#[test]
fn local_times_of_none_or_two_are_counted() {
    check(
        |contract, _| {
            let counting = sql::count_local_times(contract, &source()).unwrap();
            assert_eq!(counting.asked.len(), 2, "the start has a zone");
            counting.statement
        },
        &expect![[r#"
            select array[
                count(*) filter (where cardinality(pg_temp.hayloft_told_instants((source."until")::text, 'Europe/Prague', '0', true)) = 0),
                count(*) filter (where cardinality(pg_temp.hayloft_told_instants((source."until")::text, 'Europe/Prague', '0', true)) = 2)
            ]::bigint[] as counts
            from "old"."people" as source
        "#]],
    );
}

#[test]
fn local_times_without_text_are_counted() {
    let until = source_column("until", "timestamp without time zone", Zoned::No);
    check(
        |contract, _| {
            let source = VersionSource {
                ends: Some(until),
                ..source()
            };
            sql::count_local_times(contract, &source).unwrap().statement
        },
        &expect![[r#"
            select array[
                count(*) filter (where cardinality(pg_temp.hayloft_instants(((source."until"::timestamp)::date + 1)::timestamp, 'Europe/Prague', true)) = 0),
                count(*) filter (where cardinality(pg_temp.hayloft_instants(((source."until"::timestamp)::date + 1)::timestamp, 'Europe/Prague', true)) = 2)
            ]::bigint[] as counts
            from "old"."people" as source
        "#]],
    );
}

#[test]
fn starts_and_ends_at_infinity_are_counted() {
    check(
        |_, _| sql::count_unbounded(&source()).unwrap().statement,
        &expect![[r#"
            select array[
                count(*) filter (where not isfinite((source."since"))),
                count(*) filter (where (pg_temp.hayloft_told_instants((source."until")::text, 'Europe/Prague', '0', true))[1] = '-infinity')
            ]::bigint[] as counts
            from "old"."people" as source
        "#]],
    );
}

#[test]
fn contradictions_of_end_and_flag_are_counted() {
    check(
        |contract, _| sql::count_contradictions(contract, &source()).unwrap(),
        &expect![[r#"
            select array[
                count(*) filter (where said.is_current and said.is_ended),
                count(*) filter (where not said.is_current and not said.is_ended)
            ]::bigint[] as counts
            from (
                select coalesce(lower((source."active")::text) in ('t', 'true', 'y', 'yes', '1'), false) as is_current,
                    coalesce(at.ends < coalesce($1::timestamptz, 'infinity'), false) as is_ended
                from "old"."people" as source
            join pg_temp.hayloft_taken_key as taken on taken.raw_1 = (source."mail")::text
            cross join lateral (select (source."since") as starts, nullif((pg_temp.hayloft_told_instants((source."until")::text, 'Europe/Prague', '0', true))[1], 'infinity') as ends offset 0) as at
            ) as said
        "#]],
    );
}

#[test]
fn a_person_can_find_what_overlaps() {
    let open_end = "9999-12-31T00:00:00Z".parse().ok();
    check(
        |contract, _| sql::find_overlapping(contract, &source(), open_end),
        &expect![[r#"
            select * from (select source.*, (source."since") as starts, case when lower((source."active")::text) in ('t', 'true', 'y', 'yes', '1') then null else case when ((source."until"::timestamptz)::date + 1)::timestamp < '9999-12-31T00:00:00+00:00' then ((source."until"::timestamptz)::date + 1)::timestamp end end as ends, lead((source."since")) over (partition by source."mail" order by (source."since")) as next_starts from "old"."people" as source) as version where ends <= starts or next_starts < coalesce(ends, 'infinity');
        "#]],
    );
}

#[test]
fn a_type_loses_its_modifier() {
    for (sql, plain) in [
        ("numeric(6,2)", Some("numeric")),
        (
            "timestamp(3) with time zone",
            Some("timestamp with time zone"),
        ),
        ("text", None),
    ] {
        assert_eq!(without_modifier(sql).as_deref(), plain, "{sql}");
    }
}
