//! What each statement about the past of facts looks like.

use expect_test::expect;

use super::super::tests::{Table, assert_text};
use super::super::{Holding, note_awaited};
use super::{
    add_facts, create_fact_refold, create_touched_facts, delete_facts, drop_refolded_held,
    find_changed_facts, find_joined, hold_refolded, keep_let_in, known_members, read_changed_facts,
    read_columns_of_added, read_facts, read_facts_of_load, read_held_facts, read_inserted_facts,
    read_rows_held, rewrite_facts, touch_facts_behind, touch_held_facts, touch_landed_facts,
    touch_remembered_facts,
};

#[test]
fn changed_transactions_are_found_with_what_they_said() {
    let table = Table::named("transactions");
    let sql = find_changed_facts(table.shape()).unwrap();
    assert_text(
        &sql,
        &expect![[r#"
        create temporary table hayloft_changed_fact on commit drop as
        select landing.*, fact.load_id as hayloft_old_load, fact.source_line as hayloft_old_line,
            jsonb_object(array['id', 'user_id', 'amount', 'transaction_date']::text[], array[(fact."id")::text, (fact."user_id")::text, (fact."amount")::text, (fact."transaction_date")::text]::text[]) as hayloft_said
        from pg_temp.hayloft_landing as landing
        join "datawarehouse"."transactions" as fact on fact."id" = landing."id"
        where landing."user_id" is distinct from fact."user_id"
           or landing."amount" is distinct from fact."amount"
           or landing."transaction_date" is distinct from fact."transaction_date"
    "#]],
    );
}

#[test]
fn changed_readings_are_found_by_their_whole_key() {
    let table = Table::named("readings");
    let sql = find_changed_facts(table.shape()).unwrap();
    assert_text(
        &sql,
        &expect![[r#"
        create temporary table hayloft_changed_fact on commit drop as
        select landing.*, fact.load_id as hayloft_old_load, fact.source_line as hayloft_old_line,
            jsonb_object(array['station_key', 'taken on', 'value']::text[], array[(fact."station_key")::text, (fact."taken on")::text, (fact."value")::text]::text[]) as hayloft_said
        from pg_temp.hayloft_landing as landing
        join "datawarehouse"."readings" as fact on fact."station_key" = landing."station_key" and fact."taken on" = landing."taken on"
        where landing."value" is distinct from fact."value"
    "#]],
    );
}

#[test]
fn changed_transactions_are_read_with_what_they_were() {
    let table = Table::named("transactions");
    assert_text(
        &read_changed_facts(table.shape()),
        &expect![[r#"
        select changed.hayloft_key as key, changed.hayloft_line as line, array[(fact."id")::text, (fact."user_id")::text, (fact."amount")::text, (fact."transaction_date")::text]::text[] as cells,
            changed.hayloft_old_load as old_load, changed.hayloft_old_line as old_line,
            old.effective_at as old_at, array[changed.hayloft_said ->> 'id', changed.hayloft_said ->> 'user_id', changed.hayloft_said ->> 'amount', changed.hayloft_said ->> 'transaction_date']::text[] as old_cells
        from pg_temp.hayloft_changed_fact as changed
        join "datawarehouse"."transactions" as fact on fact."id" = changed."id"
        join hayloft.load as old on old.load_id = changed.hayloft_old_load
        order by changed.hayloft_line
        limit $1
    "#]],
    );
}

#[test]
fn inserted_transactions_are_read_but_changed_ones() {
    let table = Table::named("transactions");
    assert_text(
        &read_inserted_facts(table.shape()),
        &expect![[r#"
        select landing.hayloft_key as key, landing.hayloft_line as line, array[(fact."id")::text, (fact."user_id")::text, (fact."amount")::text, (fact."transaction_date")::text]::text[] as cells
        from pg_temp.hayloft_landing as landing
        join "datawarehouse"."transactions" as fact on fact."id" = landing."id"
        where fact.load_id = $2
          and not exists (
              select from pg_temp.hayloft_changed_fact as changed where changed.hayloft_key = landing.hayloft_key)
        order by landing.hayloft_line
        limit $1
    "#]],
    );
}

#[test]
fn inserted_readings_of_keys_alone_are_read() {
    let table = Table::named("readings").filled_by(&["station_key", "taken on"]);
    assert_text(
        &read_inserted_facts(table.shape()),
        &expect![[r#"
        select landing.hayloft_key as key, landing.hayloft_line as line, array[(fact."station_key")::text, (fact."taken on")::text, (fact."value")::text]::text[] as cells
        from pg_temp.hayloft_landing as landing
        join "datawarehouse"."readings" as fact on fact."station_key" = landing."station_key" and fact."taken on" = landing."taken on"
        where fact.load_id = $2
        order by landing.hayloft_line
        limit $1
    "#]],
    );
}

#[test]
fn held_readings_are_read_with_those_they_joined() {
    let table = Table::named("readings");
    assert_text(
        &read_rows_held(&table.contract),
        &expect![[r#"
        select held.fact_key as key, held.source_line as line,
            array[held.row ? 'station_key', held.row ? 'taken on', held.row ? 'value']::boolean[] as speaks, array[(waiting."station_key")::text, (waiting."taken on")::text, (waiting."value")::text]::text[] as cells,
            joined.hayloft_old_load as old_load, joined.hayloft_old_line as old_line,
            old.effective_at as old_at,
            array[coalesce(joined.hayloft_said ? 'station_key', false), coalesce(joined.hayloft_said ? 'taken on', false), coalesce(joined.hayloft_said ? 'value', false)]::boolean[] as old_speaks, array[joined.hayloft_said ->> 'station_key', joined.hayloft_said ->> 'taken on', joined.hayloft_said ->> 'value']::text[] as old_cells
        from hayloft.held_fact as held
        cross join lateral jsonb_populate_record(null::"datawarehouse"."readings", held.row) as waiting
        left join pg_temp.hayloft_joined as joined on joined.hayloft_key = held.fact_key
        left join hayloft.load as old on old.load_id = joined.hayloft_old_load
        where held.table_name = $3 and held.load_id = $2
        order by held.source_line
        limit $1
    "#]],
    );
}

#[test]
fn transactions_that_wait_already_are_found() {
    let table = Table::named("transactions");
    let sql = find_joined(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
            create temporary table hayloft_joined on commit drop as
            select landing.hayloft_key, held.load_id as hayloft_old_load,
                held.source_line as hayloft_old_line,
                (jsonb_object(array['id', 'user_id', 'amount', 'transaction_date']::text[], array[(waiting."id")::text, (waiting."user_id")::text, (waiting."amount")::text, (waiting."transaction_date")::text]::text[])
                    - array(
                        select waits.id from unnest(array['id', 'user_id', 'amount', 'transaction_date']::text[], array['id', 'user_id', 'amount', 'transaction_date']::text[]) as waits (id, name)
                        where not held.row ? waits.name
                    )) || held.misfits as hayloft_said,
                array(select jsonb_object_keys(held.misfits)) as hayloft_misfits,
                (held.misfits ? 'user_id' or landing."user_id" is distinct from (case when held.row ? 'user_id' then waiting."user_id" else fact."user_id" end)
                    or held.misfits ? 'amount' or landing."amount" is distinct from (case when held.row ? 'amount' then waiting."amount" else fact."amount" end)
                    or held.misfits ? 'transaction_date' or landing."transaction_date" is distinct from (case when held.row ? 'transaction_date' then waiting."transaction_date" else fact."transaction_date" end)) as hayloft_differs
            from pg_temp.hayloft_landing as landing
            join hayloft.held_fact as held on held.table_name = $1 and held.fact_key = landing.hayloft_key
            cross join lateral jsonb_populate_record(null::"datawarehouse"."transactions", held.row) as waiting
            left join "datawarehouse"."transactions" as fact on fact."id" = landing."id"
        "#]],
    );
}

#[test]
fn touched_transactions_have_their_natural_key() {
    let table = Table::named("transactions");
    let sql = create_touched_facts(&table.contract);
    assert_text(
        &sql,
        &expect![[r"
        create temporary table hayloft_touched (
            key uuid primary key,
            hayloft_part_1 text not null
        ) on commit drop
    "]],
    );
}

#[test]
fn touched_readings_have_both_parts_of_theirs() {
    let table = Table::named("readings");
    let sql = create_touched_facts(&table.contract);
    assert_text(
        &sql,
        &expect![[r"
        create temporary table hayloft_touched (
            key uuid primary key,
            hayloft_part_1 text not null,
            hayloft_part_2 text not null
        ) on commit drop
    "]],
    );
}

#[test]
fn readings_of_which_the_ledger_keeps_what_a_load_said_are_touched() {
    let table = Table::named("readings");
    let sql = touch_remembered_facts(&table.contract);
    assert_text(
        &sql,
        &expect![[r"
        insert into pg_temp.hayloft_touched
        select payload.key, payload.row ->> 'station_key', payload.row ->> 'taken on'
        from hayloft.payload
        where payload.load_id = $1
        on conflict do nothing
    "]],
    );
}

#[test]
fn readings_that_wait_are_touched() {
    let table = Table::named("readings");
    let sql = touch_held_facts(&table.contract);
    assert_text(
        &sql,
        &expect![[r#"
        insert into pg_temp.hayloft_touched
        select held.fact_key, waiting."station_key"::text, waiting."taken on"::text
        from hayloft.held_fact as held
        cross join lateral jsonb_populate_record(null::"datawarehouse"."readings", held.row) as waiting
        where held.table_name = $1 and held.load_id = $2
        on conflict do nothing
    "#]],
    );
}

#[test]
fn transactions_behind_which_others_wait_are_touched() {
    let table = Table::named("transactions");
    let sql = touch_facts_behind(&table.contract, table.reference());
    assert_text(
        &sql,
        &expect![[r#"
            insert into pg_temp.hayloft_touched
            select distinct held.fact_key, waiting."id"::text
            from hayloft.held_fact as held
            join hayloft.payload on payload.key = held.fact_key
            join hayloft.load on load.load_id = payload.load_id and load.table_name = held.table_name
            join pg_temp.hayloft_member as member on member.key = (payload.row ->> 'user_id')::uuid
            cross join lateral jsonb_populate_record(null::"datawarehouse"."transactions", held.row) as waiting
            where held.table_name = $1 and not held.misfits ?| array['id']
              and (held.reason is null or held.misfits <> '{}')
            on conflict do nothing
        "#]],
    );
}

#[test]
fn landed_readings_are_touched() {
    let table = Table::named("readings");
    let sql = touch_landed_facts(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
        insert into pg_temp.hayloft_touched
        select landing.hayloft_key, landing."station_key"::text, landing."taken on"::text
        from pg_temp.hayloft_landing as landing
    "#]],
    );
}

#[test]
fn the_keys_of_the_readings_of_a_load_are_read() {
    let table = Table::named("readings");
    let sql = read_facts_of_load(&table.contract);
    assert_text(
        &sql,
        &expect![[r#"
        select array[(fact."station_key")::text, (fact."taken on")::text]::text[] as cells
        from "datawarehouse"."readings" as fact
        where fact.load_id = $1
    "#]],
    );
}

#[test]
fn touched_readings_are_read_by_their_natural_key() {
    let table = Table::named("readings");
    let sql = read_facts(&table.contract);
    assert_text(
        &sql,
        &expect![[r#"
        select touched.key, fact.load_id, fact.source_line as line,
            array[(fact."station_key")::text, (fact."taken on")::text, (fact."value")::text]::text[] as cells
        from pg_temp.hayloft_touched as touched
        join "datawarehouse"."readings" as fact on fact."station_key" = touched.hayloft_part_1::uuid and fact."taken on" = touched.hayloft_part_2::date
        where touched.key between $1 and $2
    "#]],
    );
}

#[test]
fn what_waits_of_touched_transactions_is_read() {
    let table = Table::named("transactions");
    let sql = read_held_facts(&table.contract);
    assert_text(
        &sql,
        &expect![[r#"
            select touched.key, held.load_id, held.source_line as line,
                array[held.row ? 'id', held.row ? 'user_id', held.row ? 'amount', held.row ? 'transaction_date']::boolean[] as speaks,
                array[(waiting."id")::text, (waiting."user_id")::text, (waiting."amount")::text, (waiting."transaction_date")::text]::text[] as cells, held.misfits, held.reason is not null as refused
            from pg_temp.hayloft_touched as touched
            join hayloft.held_fact as held on held.table_name = $3 and held.fact_key = touched.key
            cross join lateral jsonb_populate_record(null::"datawarehouse"."transactions", held.row) as waiting
            where touched.key between $1 and $2
        "#]],
    );
}

#[test]
fn known_users_are_asked_for() {
    let table = Table::named("transactions");
    let sql = known_members(table.reference());
    assert_text(
        &sql,
        &expect![[r#"
        select wanted.key
        from unnest($1::uuid[]) as wanted (key)
        where exists (select from "datawarehouse"."users" as member where member."user_id" = wanted.key)
    "#]],
    );
}

#[test]
fn what_becomes_of_transactions_travels_as_text() {
    let table = Table::named("transactions");
    let sql = create_fact_refold(&table.contract);
    assert_text(
        &sql,
        &expect![[r#"
            create temporary table hayloft_refolded_fact (
                hayloft_key uuid not null,
                hayloft_fate text not null,
                hayloft_load bigint not null,
                hayloft_line bigint not null,
                hayloft_created timestamptz not null,
                hayloft_updated timestamptz not null,
                hayloft_silent jsonb not null,
                hayloft_misfits jsonb not null,
                "id" text,
                "user_id" text,
                "amount" text,
                "transaction_date" text
            ) on commit drop
        "#]],
    );
}

#[test]
fn readings_that_no_load_says_are_deleted() {
    let table = Table::named("readings");
    let sql = delete_facts(&table.contract);
    assert_text(
        &sql,
        &expect![[r#"
        delete from "datawarehouse"."readings" as fact
        using pg_temp.hayloft_refolded_fact as refold
        where refold.hayloft_fate = 'deleted' and fact."station_key" = refold."station_key"::uuid and fact."taken on" = refold."taken on"::date
    "#]],
    );
}

#[test]
fn transactions_are_rewritten_with_the_instant_of_their_row() {
    let table = Table::named("transactions");
    let sql = rewrite_facts(&table.contract);
    assert_text(
        &sql,
        &expect![[r#"
        update "datawarehouse"."transactions" as fact
        set "id" = refold."id"::bigint,
            "user_id" = refold."user_id"::uuid,
            "amount" = refold."amount"::numeric,
            "transaction_date" = refold."transaction_date"::date,
            updated_at = refold.hayloft_updated,
            load_id = refold.hayloft_load, source_line = refold.hayloft_line
        from pg_temp.hayloft_refolded_fact as refold
        where refold.hayloft_fate = 'rewritten' and fact."id" = refold."id"::bigint
    "#]],
    );
}

#[test]
fn transactions_come_back() {
    let table = Table::named("transactions");
    let sql = add_facts(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
            insert into "datawarehouse"."transactions"
                ("id", "user_id", "amount", "transaction_date", created_at, updated_at, load_id, source_line)
            select refold."id"::bigint, refold."user_id"::uuid, refold."amount"::numeric, refold."transaction_date"::date, refold.hayloft_created, refold.hayloft_updated,
                refold.hayloft_load, refold.hayloft_line
            from pg_temp.hayloft_refolded_fact as refold
            where refold.hayloft_fate = 'inserted' and refold.hayloft_silent ?& array[]::text[]
              and not refold.hayloft_silent ?| array['id', 'user_id', 'amount', 'transaction_date']::text[]
            order by refold.hayloft_key
        "#]],
    );
}

#[test]
fn readings_come_back_without_stamps() {
    let table = Table::named("readings");
    let sql = add_facts(table.shape());
    assert_text(
        &sql,
        &expect![[r#"
            insert into "datawarehouse"."readings"
                ("station_key", "taken on", "value", load_id, source_line)
            select refold."station_key"::uuid, refold."taken on"::date, refold."value"::double precision,
                refold.hayloft_load, refold.hayloft_line
            from pg_temp.hayloft_refolded_fact as refold
            where refold.hayloft_fate = 'inserted' and refold.hayloft_silent ?& array[]::text[]
              and not refold.hayloft_silent ?| array['station_key', 'taken on', 'value']::text[]
            order by refold.hayloft_key
        "#]],
    );
}

#[test]
fn held_rows_that_wait_no_longer_are_taken_away() {
    let sql = drop_refolded_held();
    assert_text(
        &sql,
        &expect![[r"
        delete from hayloft.held_fact as held
        using pg_temp.hayloft_refolded_fact as refold
        where refold.hayloft_fate = 'not held'
          and held.table_name = $1 and held.fact_key = refold.hayloft_key
    "]],
    );
}

#[test]
fn transactions_that_wait_again_are_held() {
    let table = Table::named("transactions");
    let sql = hold_refolded(&table.contract);
    assert_text(
        &sql,
        &expect![[r#"
            insert into hayloft.held_fact (table_name, fact_key, load_id, source_line, row, misfits)
            select $1, refold.hayloft_key, refold.hayloft_load, refold.hayloft_line,
                to_jsonb(hayloft_waiting) - array(select jsonb_array_elements_text(refold.hayloft_silent)),
                refold.hayloft_misfits
            from pg_temp.hayloft_refolded_fact as refold
            cross join lateral (select refold."id"::bigint as "id", refold."user_id"::uuid as "user_id", refold."amount"::numeric as "amount", refold."transaction_date"::date as "transaction_date") as hayloft_waiting
            where refold.hayloft_fate = 'held'
        "#]],
    );
}

#[test]
fn what_refolded_transactions_wait_for_is_noted() {
    let table = Table::named("transactions");
    let sql = note_awaited(&table.contract, table.reference(), Holding::Refolded);
    assert_text(
        &sql,
        &expect![[r#"
            insert into hayloft.held_reference (table_name, fact_key, dimension, dimension_key)
            select held_fact.table_name, held_fact.fact_key, $2, (held_fact.row ->> 'user_id')::uuid
            from hayloft.held_fact
            where held_fact.table_name = $1 and exists (
                  select from pg_temp.hayloft_refolded_fact as refold
                  where refold.hayloft_fate = 'held' and refold.hayloft_key = held_fact.fact_key
              )
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
fn held_transactions_whose_user_is_gone_wait_for_that_one() {
    let table = Table::named("transactions");
    let sql = note_awaited(
        &table.contract,
        table.reference(),
        Holding::OfTouchedMembers,
    );
    assert_text(
        &sql,
        &expect![[r#"
            insert into hayloft.held_reference (table_name, fact_key, dimension, dimension_key)
            select held_fact.table_name, held_fact.fact_key, $2, (held_fact.row ->> 'user_id')::uuid
            from hayloft.held_fact
            where held_fact.table_name = $1 and exists (select from pg_temp.hayloft_touched as touched where touched.key = (held_fact.row ->> 'user_id')::uuid)
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
fn a_file_of_keys_alone_changes_no_fact() {
    let table = Table::named("readings").filled_by(&["station_key", "taken on"]);
    assert_eq!(find_changed_facts(table.shape()), None);
}

#[test]
fn facts_that_a_refold_lets_in_are_dated() {
    assert_text(
        &keep_let_in(),
        &expect![[r"
        insert into hayloft.let_in (key, load_id, at)
        select refold.hayloft_key, refold.hayloft_load, refold.hayloft_updated
        from pg_temp.hayloft_refolded_fact as refold
        where refold.hayloft_fate in ('rewritten', 'inserted')
        on conflict do nothing
    "]],
    );
}

#[test]
fn readings_of_keys_alone_are_inserted_with_defaults() {
    let table = Table::named("readings").filled_by(&["station_key", "taken on"]);
    assert_text(
        &add_facts(table.shape()),
        &expect![[r#"
        insert into "datawarehouse"."readings"
            ("station_key", "taken on", load_id, source_line)
        select refold."station_key"::uuid, refold."taken on"::date,
            refold.hayloft_load, refold.hayloft_line
        from pg_temp.hayloft_refolded_fact as refold
        where refold.hayloft_fate = 'inserted' and refold.hayloft_silent ?& array['value']::text[]
          and not refold.hayloft_silent ?| array['station_key', 'taken on']::text[]
        order by refold.hayloft_key
    "#]],
    );
}

#[test]
fn what_is_said_of_inserted_transactions_is_read() {
    let table = Table::named("transactions");
    assert_text(
        &read_columns_of_added(&table.contract),
        &expect![[r"
        select distinct array[not refold.hayloft_silent ? 'id', not refold.hayloft_silent ? 'user_id', not refold.hayloft_silent ? 'amount', not refold.hayloft_silent ? 'transaction_date']::boolean[] as speaks
        from pg_temp.hayloft_refolded_fact as refold
        where refold.hayloft_fate = 'inserted'
        order by speaks
    "]],
    );
}
