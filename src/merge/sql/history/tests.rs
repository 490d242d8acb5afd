//! What each statement of a refold, and of a snapshot, looks like for the people of the example.

use expect_test::{Expect, expect};

use crate::contract::{Contract, Ident, Kind};
use crate::merge::sql::tests::{Table, assert_text, contract};
use crate::merge::sql::{self, Shape};

fn check(statement: impl FnOnce(Shape<'_>, &Ident) -> String, expected: &Expect) {
    let contract: Contract = contract("users");
    let Kind::Dimension { durable_key, .. } = &contract.kind else {
        panic!("users is a dimension");
    };
    let filled: Vec<usize> = (0..contract.columns.len()).collect();
    let shape = Shape {
        contract: &contract,
        filled: &filled,
    };
    expected.assert_eq(&(statement(shape, durable_key) + "\n"));
}

#[test]
fn the_keys_that_are_there_at_an_instant_are_touched() {
    check(
        |shape, key| sql::touch_present(shape.contract, key),
        &expect![[r#"
            insert into pg_temp.hayloft_touched (key)
            select version."user_id"
            from "datawarehouse"."users" as version
            where version.effective_start_date <= $1
              and (version.effective_end_date > $1 or version.effective_end_date is null)
            on conflict do nothing
        "#]],
    );
}

#[test]
fn the_keys_that_end_at_an_instant_are_touched() {
    check(
        |shape, key| sql::touch_ended(shape.contract, key),
        &expect![[r#"
            insert into pg_temp.hayloft_touched (key)
            select version."user_id"
            from "datawarehouse"."users" as version
            where version.effective_end_date = $1
            on conflict do nothing
        "#]],
    );
}

#[test]
fn the_keys_of_a_manifest_are_found_by_their_prefixes() {
    check(
        |shape, key| sql::touch_spoken(shape.contract, key),
        &expect![[r#"
            insert into pg_temp.hayloft_touched (key)
            select version."user_id"
            from hayloft.manifest
            cross join lateral generate_series(0, length(keys) / 8 - 1) as place
            cross join lateral encode(substring(keys from place * 8 + 1 for 8), 'hex') as prefix
            join "datawarehouse"."users" as version
                on version."user_id" between rpad(prefix, 32, '0')::uuid and rpad(prefix, 32, 'f')::uuid
            where manifest.load_id = $1 and manifest.kind = 'read'
            on conflict do nothing
        "#]],
    );
}

#[test]
fn a_column_that_not_every_load_spoke_of_leaves_a_key_to_the_refold() {
    check(
        |shape, key| sql::touch_doubtful(shape, key, &["name"]).unwrap(),
        &expect![[r#"
            insert into pg_temp.hayloft_touched (key)
            select landing.hayloft_key
            from pg_temp.hayloft_landing as landing
            left join "datawarehouse"."users" as current
                on current."user_id" = landing.hayloft_key and current.effective_end_date is null
            where current."user_id" is not null and (landing."name" is distinct from current."name")
        "#]],
    );
}

#[test]
fn a_default_leaves_new_keys_to_the_refold() {
    let table = Table::named("users").with_default("name", "'nobody'::text");
    let table = table.filled_by(&["email", "date_of_birth"]);
    let sql = sql::touch_doubtful(table.shape(), table.durable_key(), &[]).unwrap();
    assert_text(
        &sql,
        &expect![[r#"
            insert into pg_temp.hayloft_touched (key)
            select landing.hayloft_key
            from pg_temp.hayloft_landing as landing
            left join "datawarehouse"."users" as current
                on current."user_id" = landing.hayloft_key and current.effective_end_date is null
            where current."user_id" is null
        "#]],
    );
}

#[test]
fn where_every_load_spoke_of_every_column_no_key_is_doubtful() {
    check(
        |shape, key| format!("{:?}", sql::touch_doubtful(shape, key, &[])),
        &expect![[r"
            None
        "]],
    );
}

#[test]
fn the_versions_of_touched_keys_are_read_in_their_order() {
    check(
        |shape, key| sql::read_versions(shape.contract, key),
        &expect![[r#"
            select version."user_id" as key, version.effective_start_date as starts,
                version.effective_end_date as ends, version.version_number as number,
                version.load_id, version.source_line as line,
                array[(version."name")::text, (version."email")::text, (version."date_of_birth")::text]::text[] as cells
            from pg_temp.hayloft_touched as touched
            join "datawarehouse"."users" as version on version."user_id" = touched.key
            where touched.key between $1 and $2
            order by version."user_id", version.effective_start_date
        "#]],
    );
}

#[test]
fn the_landed_rows_of_touched_keys_are_read() {
    check(
        |shape, _| sql::read_landed(shape),
        &expect![[r#"
        select landing.hayloft_key as key, landing.hayloft_line as line,
            null::timestamptz as at, true as present, null::bytea as sequence,
            array[(landing."name")::text, (landing."email")::text, (landing."date_of_birth")::text]::text[] as cells
        from pg_temp.hayloft_touched as touched
        join pg_temp.hayloft_landing as landing on landing.hayloft_key = touched.key
        where touched.key between $1 and $2
    "#]],
    );
}

#[test]
fn what_differs_travels_as_text() {
    check(
        |shape, _| sql::create_refold(shape.contract),
        &expect![[r#"
            create temporary table hayloft_refold (
                hayloft_key uuid not null,
                hayloft_fate text not null,
                hayloft_starts timestamptz not null,
                hayloft_ends timestamptz,
                hayloft_number integer not null,
                hayloft_load bigint not null,
                hayloft_line bigint not null,
                "name" text,
                "email" text,
                "date_of_birth" text
            ) on commit drop
        "#]],
    );
}

#[test]
fn ends_are_moved_back_before_anything_begins() {
    check(
        |shape, key| sql::shrink_versions(shape.contract, key),
        &expect![[r#"
            update "datawarehouse"."users" as version
            set effective_end_date = refold.hayloft_ends
            from pg_temp.hayloft_refold as refold
            where refold.hayloft_fate = 'rewritten' and version."user_id" = refold.hayloft_key
              and version.effective_start_date = refold.hayloft_starts
              and (refold.hayloft_ends < version.effective_end_date
                   or refold.hayloft_ends is not null and version.effective_end_date is null)
        "#]],
    );
}

#[test]
fn a_version_whose_start_is_none_any_more_is_deleted() {
    check(
        |shape, key| sql::delete_versions(shape.contract, key),
        &expect![[r#"
            delete from "datawarehouse"."users" as version
            using pg_temp.hayloft_refold as refold
            where refold.hayloft_fate = 'deleted' and version."user_id" = refold.hayloft_key
              and version.effective_start_date = refold.hayloft_starts
        "#]],
    );
}

#[test]
fn a_version_that_stays_is_written_over() {
    check(
        |shape, key| sql::rewrite_versions(shape.contract, key),
        &expect![[r#"
            update "datawarehouse"."users" as version
            set effective_end_date = refold.hayloft_ends, version_number = refold.hayloft_number,
                load_id = refold.hayloft_load, source_line = refold.hayloft_line,
                "name" = refold."name",
                "email" = refold."email",
                "date_of_birth" = refold."date_of_birth"::date
            from pg_temp.hayloft_refold as refold
            where refold.hayloft_fate = 'rewritten' and version."user_id" = refold.hayloft_key
              and version.effective_start_date = refold.hayloft_starts
        "#]],
    );
}

#[test]
fn a_version_that_begins_where_none_began_is_inserted() {
    check(
        |shape, key| sql::insert_versions(shape.contract, key),
        &expect![[r#"
            insert into "datawarehouse"."users"
                ("user_id", "name", "email", "date_of_birth", effective_start_date, effective_end_date,
                 version_number, load_id, source_line)
            select refold.hayloft_key, refold."name", refold."email", refold."date_of_birth"::date, refold.hayloft_starts, refold.hayloft_ends,
                refold.hayloft_number, refold.hayloft_load, refold.hayloft_line
            from pg_temp.hayloft_refold as refold
            where refold.hayloft_fate = 'inserted'
            order by refold.hayloft_key, refold.hayloft_starts
        "#]],
    );
}

#[test]
fn touched_keys_are_asked_whether_their_versions_fit_together() {
    check(
        |shape, key| sql::count_broken_touched(shape.contract, key),
        &expect![[r#"
            select count(*) as count
            from (
                select from pg_temp.hayloft_touched as touched
                join "datawarehouse"."users" as version on version."user_id" = touched.key
                group by touched.key
                having count(*) filter (where version.effective_end_date is null) > 1
                    or max(version.effective_end_date)
                       > max(version.effective_start_date) filter (where version.effective_end_date is null)
                    or count(*) <> max(version.version_number)
            ) as broken
        "#]],
    );
}

#[test]
fn keys_that_neither_a_row_nor_a_reject_names_are_absent() {
    check(
        |shape, key| sql::find_absent(shape.contract, key),
        &expect![[r#"
            insert into pg_temp.hayloft_absent (key)
            select version."user_id"
            from "datawarehouse"."users" as version
            where version.effective_start_date <= $1
              and (version.effective_end_date > $1 or version.effective_end_date is null)
              and not exists (
                  select from pg_temp.hayloft_landing as landing where landing.hayloft_key = version."user_id")
              and not exists (
                  select from pg_temp.hayloft_unread as unread where unread.key = version."user_id")
        "#]],
    );
}

#[test]
fn keys_that_are_there_at_an_instant_are_counted() {
    check(
        |shape, _| sql::count_present(shape.contract),
        &expect![[r#"
            select count(*) as count
            from "datawarehouse"."users" as version
            where version.effective_start_date <= $1
              and (version.effective_end_date > $1 or version.effective_end_date is null)
        "#]],
    );
}

#[test]
fn open_keys_are_counted_up_to_a_number() {
    check(
        |shape, _| sql::count_known(shape.contract),
        &expect![[r#"
            select count(*) as count
            from (select from "datawarehouse"."users" where effective_end_date is null limit $1) as known
        "#]],
    );
}

#[test]
fn keys_that_a_load_changed_are_sampled() {
    check(
        |shape, key| sql::sample_changed(shape.contract, key),
        &expect![[r#"
            select "user_id" as key
            from "datawarehouse"."users"
            where load_id = $1 and version_number > 1
            group by "user_id"
            order by min(source_line)
            limit $2
        "#]],
    );
}

#[test]
fn the_current_versions_of_absent_keys_end() {
    check(
        |shape, key| sql::close_absent(shape.contract, key),
        &expect![[r#"
            with hayloft_closed as (
                update "datawarehouse"."users" as version
                set effective_end_date = $1
                from pg_temp.hayloft_absent as absent
                where version."user_id" = absent.key
                  and version.effective_end_date is null and version.effective_start_date < $1
                returning version.load_id
            )
            select (select count(*) from hayloft_closed) as closed,
                array(select distinct load_id from hayloft_closed) as loads
        "#]],
    );
}

#[test]
fn the_versions_of_one_key_are_read() {
    check(
        |shape, key| sql::read_key(shape.contract, key),
        &expect![[r#"
            select version.effective_start_date as starts, version.effective_end_date as ends,
                version.load_id, version.source_line as line, array[(version."name")::text, (version."email")::text, (version."date_of_birth")::text]::text[] as cells
            from "datawarehouse"."users" as version
            where version."user_id" = $1
            order by version.effective_start_date
        "#]],
    );
}

#[test]
fn a_span_of_keys_ends_where_any_of_three_says() {
    check(
        |shape, key| sql::end_of_span(shape.contract, key),
        &expect![[r#"
            select least(
                (select "user_id" from "datawarehouse"."users" where "user_id" > $1 order by "user_id" offset $2 limit 1),
                (select key from hayloft.payload where key > $1 order by key offset $2 limit 1),
                (select key from hayloft.observation where key > $1 order by key offset $2 limit 1)
            ) as key
        "#]],
    );
}

#[test]
fn all_versions_of_a_span_are_read_in_order() {
    check(
        |shape, key| sql::read_all_versions(shape.contract, key),
        &expect![[r#"
            select version."user_id" as key, version.effective_start_date as starts,
                version.effective_end_date as ends, version.version_number as number,
                version.load_id, version.source_line as line,
                array[(version."name")::text, (version."email")::text, (version."date_of_birth")::text]::text[] as cells
            from "datawarehouse"."users" as version
            where version."user_id" between $1 and $2
            order by version."user_id", version.effective_start_date
        "#]],
    );
}
