//! The views of a dimension, through which its history is read.

use diesel::connection::SimpleConnection as _;
use expect_test::expect;
use hayloft::contract::{ContractFile, Contracts, TableName};
use hayloft::history::views;

use crate::new_table::{CONTRACT, UP};
use crate::support::{HAYLOFT_TOML, Warehouse};

/// Two people in four versions: Ann changed her name, Bob was closed and came again.
const PEOPLE: &str = "
    insert into datawarehouse.users (user_id, name, email, date_of_birth,
        effective_start_date, effective_end_date, version_number, load_id, source_line)
    values
        ('a0000000-0000-8000-8000-000000000000', 'Ann', 'ann@x.org', '1990-02-01',
            '2024-01-01', '2024-03-01', 1, 1, 2),
        ('a0000000-0000-8000-8000-000000000000', 'Anna', 'ann@x.org', '1990-02-01',
            '2024-03-01', null, 2, 2, 7),
        ('b0000000-0000-8000-8000-000000000000', 'Bob', 'bob@x.org', '1985-04-03',
            '2024-01-01', '2024-02-01', 1, 1, 3),
        ('b0000000-0000-8000-8000-000000000000', 'Bob', 'bob@x.org', '1985-04-03',
            '2024-04-01', null, 2, 3, 2)";

fn warehouse() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.run(&["migrate"]).exits(0);
    warehouse.execute(PEOPLE);
    warehouse
}

#[test]
fn the_current_view_has_the_open_versions_and_the_history_view_all() {
    let warehouse = warehouse();
    expect![[r"
        ann@x.org | Anna | 2
        bob@x.org | Bob | 2
    "]]
    .assert_eq(
        &warehouse.query(
            "select email, name, version_number from datawarehouse.users_current order by 1",
        ),
    );
    expect![[r"
        ann@x.org | Ann | 1 | f | 2024-03-01 00:00:00+00
        ann@x.org | Anna | 2 | t | ∅
        bob@x.org | Bob | 1 | f | 2024-02-01 00:00:00+00
        bob@x.org | Bob | 2 | t | ∅
    "]]
    .assert_eq(&warehouse.query(
        "select email, name, version_number, is_current, effective_end_date
         from datawarehouse.users_history order by 1, 3",
    ));
}

#[test]
fn the_changes_view_tells_each_change_with_what_differs_in_order_of_time() {
    let warehouse = warehouse();
    expect![[r#"
        2024-01-01 00:00:00+00 | ann@x.org | inserted | {name,date_of_birth} | ∅ | {"name": "Ann", "date_of_birth": "1990-02-01"} | 1 | 2
        2024-01-01 00:00:00+00 | bob@x.org | inserted | {name,date_of_birth} | ∅ | {"name": "Bob", "date_of_birth": "1985-04-03"} | 1 | 3
        2024-02-01 00:00:00+00 | bob@x.org | closed | {name,date_of_birth} | {"name": "Bob", "date_of_birth": "1985-04-03"} | ∅ | ∅ | ∅
        2024-03-01 00:00:00+00 | ann@x.org | updated | {name} | {"name": "Ann"} | {"name": "Anna"} | 2 | 7
        2024-04-01 00:00:00+00 | bob@x.org | reopened | {name,date_of_birth} | ∅ | {"name": "Bob", "date_of_birth": "1985-04-03"} | 3 | 2
    "#]]
    .assert_eq(&warehouse.query(
        "select changed_at, email, change, changed_columns, before, after, load_id, source_line
         from datawarehouse.users_changes",
    ));
}

#[test]
fn the_as_of_function_has_what_was_open_at_an_instant_its_beginning_included() {
    let warehouse = warehouse();
    for (instant, expected) in [
        ("2023-12-31 23:59:59.999999Z", ""),
        ("2024-01-01Z", "Ann,Bob"),
        ("2024-01-31 23:59:59.999999Z", "Ann,Bob"),
        ("2024-02-01Z", "Ann"),
        ("2024-03-01Z", "Anna"),
        ("2030-01-01Z", "Anna,Bob"),
    ] {
        let names = warehouse.query(&format!(
            "select coalesce(string_agg(name, ',' order by name), '')
             from datawarehouse.users_asof('{instant}')"
        ));
        assert_eq!(names.trim(), expected, "{instant}");
    }
}

/// Twenty thousand people, so that a plan that reads all of them costs more than one that does not.
const MANY: &str = "
    insert into datawarehouse.users (user_id, name, email, date_of_birth,
        effective_start_date, version_number, load_id, source_line)
    select gen_random_uuid(), 'N', n::text, '2000-01-01', '2020-01-01', 1, 1, n
    from generate_series(1, 20000) as n;
    analyze datawarehouse.users;";

#[test]
fn a_question_about_one_key_reads_the_versions_of_that_key_by_the_index() {
    let warehouse = warehouse();
    warehouse.execute(MANY);
    for source in [
        "users_asof('2024-01-15Z')",
        "users_changes",
        "users_history",
        "users_current",
    ] {
        let plan = warehouse.query(&format!(
            "explain select * from datawarehouse.{source}
             where user_id = 'a0000000-0000-8000-8000-000000000000'"
        ));
        assert!(plan.contains("Index"), "{source}\n{plan}");
        assert!(!plan.contains("Seq Scan"), "{source}\n{plan}");
        assert!(!plan.contains("Function Scan"), "{source}\n{plan}");
    }
}

#[test]
fn the_join_of_the_readme_gives_each_fact_the_version_of_its_day() {
    let warehouse = warehouse();
    warehouse.execute(MANY);
    warehouse.execute(
        "insert into datawarehouse.transactions (id, user_id, amount, transaction_date,
             created_at, updated_at, load_id, source_line)
         select id, 'a0000000-0000-8000-8000-000000000000', 1, day, now(), now(), 1, 1
         from (values (1, '2023-12-31'::date), (2, '2024-01-01'), (3, '2024-02-29'),
             (4, '2024-03-01')) as one (id, day)",
    );
    let readme = include_str!("../../README.md");
    let section = readme.split("## Reading history").nth(1).unwrap();
    let joins: Vec<&str> = section
        .split("```sql\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .filter(|block| block.contains("transactions"))
        .collect();
    assert_eq!(joins.len(), 2, "{joins:?}");
    for join in joins {
        let told = warehouse.query(&format!(
            "select id, transaction_date, name, version_number from ({}) as told order by id",
            join.trim().trim_end_matches(';')
        ));
        // The first of March begins in Prague an hour before it does in UTC.
        expect![[r"
            1 | 2023-12-31 | ∅ | ∅
            2 | 2024-01-01 | ∅ | ∅
            3 | 2024-02-29 | Ann | 1
            4 | 2024-03-01 | Ann | 1
        "]]
        .assert_eq(&told);
        let plan = warehouse.query(&format!("explain {join}"));
        assert!(!plan.contains("Function Scan"), "{plan}");
    }
}

#[test]
fn views_are_made_again_only_when_they_differ() {
    let warehouse = warehouse();
    let made = "select oid, xmin from pg_class
             where relkind = 'v' and relnamespace = 'datawarehouse'::regnamespace
         union all
         select oid, xmin from pg_proc where pronamespace = 'datawarehouse'::regnamespace";
    let before = warehouse.query(made);
    warehouse.run(&["migrate"]).exits(0);
    assert_eq!(warehouse.query(made), before);

    warehouse.execute("alter table datawarehouse.users add column phone text");
    warehouse.run(&["migrate"]).exits(0);

    assert_ne!(warehouse.query(made), before);
    for view in ["users_current", "users_history"] {
        warehouse.query(&format!("select phone from datawarehouse.{view}"));
    }
    warehouse.execute("update datawarehouse.users set phone = '7' where name = 'Anna'");
    assert_eq!(
        warehouse.query(
            "select changed_columns from datawarehouse.users_changes where change = 'updated'"
        ),
        "{name,phone}\n"
    );
}

#[test]
fn a_load_makes_what_is_missing_of_the_views_or_has_another_definition() {
    let warehouse = warehouse();
    // Nothing is loaded upon rows that no load brought.
    warehouse.execute("delete from datawarehouse.users");
    let comments = "select obj_description('datawarehouse.users_history'::regclass, 'pg_class'),
        obj_description('datawarehouse.users_asof'::regproc, 'pg_proc')";
    let before = warehouse.query(comments);
    for damage in [
        "drop function datawarehouse.users_asof",
        "comment on view datawarehouse.users_history is 'Made by `hayloft migrate`, long ago'",
        "comment on function datawarehouse.users_asof is 'Made by `hayloft migrate`, long ago'",
    ] {
        warehouse.execute(damage);
        warehouse
            .load(
                "users.csv",
                "name,email,date_of_birth\nCy,cy@x.org,01/02/1990\n",
            )
            .exits(0);
        assert_eq!(warehouse.query(comments), before, "{damage}");
    }
}

#[test]
fn a_migration_may_change_what_a_view_shows_and_what_was_granted_stays_granted() {
    let warehouse = warehouse();
    let role = format!("reader_{}", uuid::Uuid::now_v7().simple());
    warehouse.execute(&format!(
        "create role {role};
         grant select on datawarehouse.users_current, datawarehouse.users_changes to {role}"
    ));
    warehouse.write(
        "migrations/2126-01-01-000000_names/up.sql",
        "alter table datawarehouse.users alter column name type varchar(200);
         alter table datawarehouse.users drop column date_of_birth;",
    );
    let toml = HAYLOFT_TOML.replace("date_of_birth = { format = \"%d/%m/%Y\" }", "");
    warehouse.write("hayloft.toml", toml);
    let run = warehouse.run(&["migrate"]).exits(0);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    expect![[r"
        users_changes | r
        users_current | r
    "]]
    .assert_eq(&warehouse.query(&format!(
        "select relname, 'r' from pg_class
         where relname like 'users_%' and relkind = 'v'
           and has_table_privilege('{role}', oid, 'select') order by 1"
    )));
    warehouse.execute(&format!("drop owned by {role}; drop role {role}"));
}

/// A role that may read some of what there is: a view, a column of another, and, alone, the
/// function.
struct Reader<'w> {
    warehouse: &'w Warehouse,
    role: String,
}

impl<'w> Reader<'w> {
    fn of(warehouse: &'w Warehouse) -> Self {
        let role = format!("reader_{}", uuid::Uuid::now_v7().simple());
        warehouse.execute(&format!(
            "create role {role};
             grant usage, create on schema datawarehouse to {role};
             grant select on datawarehouse.users to {role};
             alter view datawarehouse.users_changes owner to {role};
             alter view datawarehouse.users_history set (security_invoker = true);
             grant select on datawarehouse.users_history to {role} with grant option;
             grant select (name) on datawarehouse.users_current to {role};
             revoke all on function datawarehouse.users_asof(timestamptz) from public;
             grant execute on function datawarehouse.users_asof(timestamptz) to {role}"
        ));
        Self { warehouse, role }
    }

    /// All that there is to know of the views and the function, but their definitions.
    fn what_is_set(&self) -> String {
        let set = self.warehouse.query(
            "select relname, relowner::regrole, reloptions, relacl::text,
                 (select string_agg(attname || attacl::text, ',') from pg_attribute
                  where attrelid = c.oid and attacl is not null)
             from pg_class as c where relname like 'users\\_%' and relkind = 'v'
             union all
             select proname, proowner::regrole, proconfig, proacl::text, null
             from pg_proc where proname = 'users_asof' order by 1",
        );
        assert!(set.contains(&format!("name{{{}=r", self.role)), "{set}");
        set
    }

    fn has_nothing_any_more(self) {
        let Self { warehouse, role } = self;
        warehouse.execute(&format!(
            "reassign owned by {role} to current_user; drop owned by {role}; drop role {role}"
        ));
    }
}

/// What they are; of the changes only what it shows, since Postgres tells the same query in other
/// words once it was made of its own words.
const DEFINITIONS: &str = "
    select relname, case when relname <> 'users_changes' then pg_get_viewdef(oid)
        else (select json_agg(one)::text from datawarehouse.users_changes as one) end, obj_description(oid, 'pg_class')
    from pg_class where relname like 'users\\_%' and relkind = 'v'
    union all
    select proname, pg_get_functiondef(oid), obj_description(oid, 'pg_proc')
    from pg_proc where proname = 'users_asof' order by 1";

/// A table whose `is_current` is not what it must be.
const GADGETS: &str = "
    create table datawarehouse.gadgets (
        gadget_id uuid not null, sku text not null,
        effective_start_date timestamptz not null, effective_end_date timestamptz,
        is_current boolean, version_number integer not null,
        load_id bigint not null, source_line bigint not null,
        primary key (gadget_id, effective_start_date));
    create unique index on datawarehouse.gadgets (gadget_id) where effective_end_date is null;
    alter table datawarehouse.users add column phone text;";

#[test]
fn a_mistake_about_one_table_takes_no_view_and_no_grant_of_another() {
    let warehouse = warehouse();
    let reader = Reader::of(&warehouse);
    let before = reader.what_is_set();
    warehouse.write("migrations/2126-01-01-000000_gadgets/up.sql", GADGETS);
    warehouse.write(
        "hayloft.toml",
        format!("{HAYLOFT_TOML}\n[tables.gadgets]\nkey = [\"sku\"]\ndurable_key = \"gadget_id\"\n"),
    );
    let run = warehouse.run(&["migrate"]).exits(0);
    assert!(
        run.stderr.contains("No views are made of gadgets:"),
        "{run:#?}"
    );
    assert!(!run.stderr.contains("warning"), "{run:#?}");
    assert_eq!(reader.what_is_set(), before);
    // Made anew, not as they were.
    warehouse.query("select phone from datawarehouse.users_current");
    reader.has_nothing_any_more();
}

#[test]
fn views_of_a_table_that_has_no_contract_now_are_made_as_they_were() {
    for toml in ["this is no TOML", ""] {
        let warehouse = warehouse();
        let reader = Reader::of(&warehouse);
        let before = (reader.what_is_set(), warehouse.query(DEFINITIONS));
        warehouse.write(
            "migrations/2126-01-01-000000_names/up.sql",
            "alter table datawarehouse.users add column phone text;
             alter table datawarehouse.users alter column version_number type bigint",
        );
        warehouse.write("hayloft.toml", toml);
        let run = warehouse.run(&["migrate"]).exits(0);
        assert!(!run.stderr.contains("warning"), "{run:#?}");
        assert_eq!(reader.what_is_set(), before.0);
        assert_eq!(warehouse.query(DEFINITIONS), before.1);
        reader.has_nothing_any_more();
    }
}

#[test]
fn a_migration_that_fails_leaves_the_views_as_they_were() {
    let warehouse = warehouse();
    let reader = Reader::of(&warehouse);
    let before = (reader.what_is_set(), warehouse.query(DEFINITIONS));
    warehouse.write(
        "migrations/2126-01-01-000000_names/up.sql",
        "alter table datawarehouse.users drop column name; select 1 / 0",
    );
    warehouse.run(&["migrate"]).exits(3);
    assert_eq!(reader.what_is_set(), before.0);
    assert_eq!(warehouse.query(DEFINITIONS), before.1);
    reader.has_nothing_any_more();
}

#[test]
fn a_view_that_can_be_made_neither_anew_nor_as_it_was_is_named_with_what_was_granted() {
    let warehouse = warehouse();
    let role = format!("reader_{}", uuid::Uuid::now_v7().simple());
    warehouse.execute(&format!(
        "create role {role}; grant select on datawarehouse.users_history to {role}"
    ));
    warehouse.write(
        "migrations/2126-01-01-000000_names/up.sql",
        "alter table datawarehouse.users drop column date_of_birth",
    );
    // The contract still has the column.
    let run = warehouse.run(&["migrate"]).exits(2);
    assert!(run.stdout.contains("applied 2126"), "{run:#?}");
    for part in [
        "No views are made of users:",
        "datawarehouse.users_current is gone: it cannot be made as it was",
        "datawarehouse.users_history is gone: it cannot be made as it was",
        "datawarehouse.users_changes is gone: it cannot be made as it was",
        &format!("grant SELECT on datawarehouse.users_history to {role};"),
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    // It shows whatever columns there are.
    warehouse.query("select name from datawarehouse.users_asof(now())");
    let toml = HAYLOFT_TOML.replace("date_of_birth = { format = \"%d/%m/%Y\" }", "");
    warehouse.write("hayloft.toml", toml);
    warehouse.run(&["migrate"]).exits(0);
    warehouse.query("select name from datawarehouse.users_history");
    warehouse.execute(&format!("drop owned by {role}; drop role {role}"));
}

#[test]
fn views_go_with_their_table() {
    let warehouse = warehouse();
    warehouse.write(
        "migrations/2126-01-01-000000_away/up.sql",
        "drop table datawarehouse.users",
    );
    warehouse.write("hayloft.toml", "");
    let run = warehouse.run(&["migrate"]).exits(0);
    assert!(!run.stderr.contains("warning"), "{run:#?}");
}

#[test]
fn what_somebody_else_made_under_a_name_is_told_and_not_touched() {
    let warehouse = Warehouse::new();
    warehouse.execute(
        "create view datawarehouse.users_history as select 1 as mine;
         create function datawarehouse.users_asof(timestamptz) returns int language sql
             as 'select 7'",
    );
    let run = warehouse.run(&["migrate"]).exits(0);
    for part in [
        "datawarehouse.users_history was not made: there is a view of that name",
        "datawarehouse.users_asof was not made: there is a function of that name",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    assert_eq!(
        warehouse
            .query("select mine, datawarehouse.users_asof(now()) from datawarehouse.users_history"),
        "1 | 7\n"
    );
    warehouse.query("select * from datawarehouse.users_changes");
}

#[test]
fn an_index_of_a_views_name_gives_the_view_another() {
    let warehouse = Warehouse::new();
    warehouse.execute(
        "create unique index users_current on datawarehouse.users (user_id) where effective_end_date is null",
    );
    for name in ["Ann", "Anna"] {
        let row = format!("email,name,date_of_birth\nann@x.org,{name},01/02/1990\n");
        let run = warehouse.load("users.csv", row).exits(0);
        assert_eq!(run.stderr, "", "{run:#?}");
        assert_eq!(
            warehouse.query("select name from datawarehouse.users_current_view"),
            format!("{name}\n")
        );
    }
    warehouse.query("select * from datawarehouse.users_history");
}

#[test]
fn what_somebody_built_on_a_view_survives_a_new_column() {
    let warehouse = warehouse();
    warehouse
        .execute("create view datawarehouse.names as select name from datawarehouse.users_current");
    warehouse.execute("alter table datawarehouse.users add column phone text");
    let run = warehouse.run(&["migrate"]).exits(0);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    warehouse.query("select phone from datawarehouse.users_current");
    assert_eq!(
        warehouse.query("select * from datawarehouse.names"),
        "Anna\nBob\n"
    );
}

#[test]
fn a_dimension_of_many_types_has_its_views_too() {
    let warehouse = Warehouse::with_contract(CONTRACT);
    warehouse.write("migrations/2126-01-01-000000_stations/up.sql", UP);
    warehouse
        .load(
            "stations.csv",
            "country,number,notes,address\nCZ,1,{},10.0.0.1\n",
        )
        .exits(0);
    warehouse
        .load(
            "stations-2.csv",
            "country,number,notes,address\nCZ,1,[1],10.0.0.1\n",
        )
        .exits(0);
    expect![[r#"
        CZ | 1 | inserted | {address,notes} | ∅ | {"notes": {}, "address": "10.0.0.1"}
        CZ | 1 | updated | {notes} | {"notes": {}} | {"notes": [1]}
    "#]]
    .assert_eq(&warehouse.query(
        "select country, number, change, changed_columns, before, after
         from datawarehouse.stations_changes",
    ));
    let run = warehouse.run(&["check"]).exits(0);
    assert!(run.stdout.contains("readings"), "{}", run.stdout);
}

#[test]
fn a_table_whose_views_would_have_names_that_are_cut_off_is_refused() {
    let name = "a".repeat(56);
    let toml = format!("[tables.{name}]\nkey = [\"email\"]\ndurable_key = \"user_id\"\n");
    let warehouse = Warehouse::with_contract(&toml);
    warehouse.execute(&format!(
        "create table datawarehouse.{name} (like datawarehouse.users including all)"
    ));
    let run = warehouse.run(&["migrate"]).exits(2);
    assert!(run.stderr.contains("is too long"), "{}", run.stderr);
}

#[test]
fn two_who_migrate_at_once_make_the_views_once() {
    let warehouse = Warehouse::new();
    let locked = warehouse.shut("datawarehouse.users");
    let runs = [warehouse.start(&["migrate"]), warehouse.start(&["migrate"])];
    warehouse.wait_until_blocked();
    drop(locked);
    for run in runs {
        let run = run.finish().exits(0);
        assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    }
    warehouse.query("select * from datawarehouse.users_changes");
}

#[test]
fn who_adds_a_column_has_the_views_show_it_in_the_same_transaction() {
    let warehouse = warehouse();
    let mut conn = warehouse.connection();
    let file = ContractFile::read(&warehouse.path("hayloft.toml")).unwrap();
    let contracts = Contracts::load(&mut conn, &file).unwrap();
    let contract = contracts.get(&TableName::new("users")).unwrap();
    let phone = contract.new_column("phone").unwrap();
    conn.batch_execute("begin; alter table datawarehouse.users add column phone text")
        .unwrap();
    let kept = views::keep(&mut conn, &contract.with_added(&[phone])).unwrap();
    assert_eq!(kept.left, Vec::<String>::new());
    conn.batch_execute("commit").unwrap();
    warehouse.query("select phone from datawarehouse.users_current");
    warehouse.execute("update datawarehouse.users set phone = '7' where name = 'Anna'");
    assert_eq!(
        warehouse.query(
            "select changed_columns from datawarehouse.users_changes where change = 'updated'"
        ),
        "{name,phone}\n"
    );
    // What `migrate` would make is what is there.
    let definition = "select obj_description('datawarehouse.users_changes'::regclass)";
    let before = warehouse.query(definition);
    warehouse.run(&["migrate"]).exits(0);
    assert_eq!(warehouse.query(definition), before);
}
