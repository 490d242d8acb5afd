//! `hayloft check --values`: what no file said is named, with the load and line that said otherwise.

use expect_test::expect;

use crate::support::{HAYLOFT_TOML, Warehouse};

const USERS: &str = "\
email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,03/04/1985
cat@x.org,Cat,05/06/1970
";

const TRANSACTIONS: &str = "\
id,email,amount,transaction_date
1,ann@x.org,1.50,01/02/2024
2,bob@x.org,2.50,01/02/2024
3,zoe@x.org,3.50,01/02/2024
";

/// Three people, one of them in two versions; two facts, and a third that is held.
fn loaded() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    let second = USERS.replace("Ann,", "Anna,");
    warehouse.load("users-2.csv", second).exits(0);
    warehouse.load("transactions.csv", TRANSACTIONS).exits(0);
    warehouse
}

#[test]
fn a_table_that_says_what_its_files_said_is_sound() {
    let warehouse = loaded();
    let run = warehouse.run(&["check", "--values"]).exits(0);
    expect![[r"
        table         rows  keys  verdict
        users            4     3  sound
        transactions     2     2  sound

        users: 6 row(s) of files were compared, and the table says what they said.

        transactions: 3 row(s) of files were compared, and the table says what they said.
    "]]
    .assert_eq(&run.stdout);
}

#[test]
fn a_value_changed_by_hand_is_named_with_its_line() {
    let warehouse = loaded();
    warehouse.execute("update datawarehouse.users set name = 'Bert' where name = 'Bob'");
    let run = warehouse.run(&["check", "users", "--values"]).exits(1);
    assert!(!run.stdout.contains("Bert"), "{}", run.stdout);
    let said = "another value than users.csv line 3, load 1 said";
    assert!(run.stdout.contains(said), "{}", run.stdout);
    let shown = warehouse
        .run(&["check", "users", "--values", "--show-values"])
        .exits(1);
    assert!(shown.stdout.contains("name = \"Bert\""), "{}", shown.stdout);
    let checked = warehouse
        .run(&["check", "users", "--values", "--format", "json"])
        .exits(1)
        .only();
    assert_eq!(checked["sound"], false);
    assert_eq!(checked["values"]["contradictions"], 1);
    assert_eq!(checked["values"]["named"][0]["what"], "said_otherwise");
    assert_eq!(checked["values"]["named"][0]["line"], 3);
}

#[test]
fn a_key_deleted_by_hand_is_missed() {
    let warehouse = loaded();
    warehouse.execute("delete from datawarehouse.users where name = 'Cat'");
    let checked = warehouse
        .run(&["check", "users", "--values", "--format", "json"])
        .exits(1)
        .only();
    let named = &checked["values"]["named"];
    assert_eq!(named[0]["what"], "missing");
    assert_eq!(named[0]["file"], "users.csv");
    assert_eq!(named[0]["line"], 4);
}

#[test]
fn a_kept_value_changed_by_hand_is_named() {
    let warehouse = loaded();
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.run(&["check", "--values"]).exits(0);
    warehouse.execute(
        "update hayloft.payload set row = row || '{\"name\": \"Bert\"}' where row ->> 'name' = 'Bob'",
    );
    let checked = warehouse
        .run(&["check", "users", "--values", "--format", "json"])
        .exits(1)
        .only();
    assert_eq!(checked["values"]["named"][0]["what"], "kept_otherwise");
}

/// One column of each kind that a digest is made of.
const THINGS: &str = "
    create domain datawarehouse.price as numeric(8, 2);
    create type datawarehouse.size as enum ('S', 'M', 'L');
    create table datawarehouse.things (
        thing_id uuid not null, code integer not null,
        a text, b varchar(9), c char(5), d smallint, e bigint, f numeric, g numeric(9, 3), h real,
        i double precision, j boolean, k date, l timestamp, m timestamptz, n uuid, o json, p jsonb,
        q interval, r integer[], s inet, t bytea, u int4range, v datawarehouse.price,
        w datawarehouse.size, x time, y bit(4),
        effective_start_date timestamptz not null, effective_end_date timestamptz,
        version_number integer not null, load_id bigint not null, source_line bigint not null,
        primary key (thing_id, effective_start_date));
    create unique index on datawarehouse.things (thing_id) where effective_end_date is null;";

const THINGS_TOML: &str = "[tables.things]\nkey = [\"code\"]\ndurable_key = \"thing_id\"\n\
    effective = { file_name = \"%Y-%m-%d\" }\nnull_tokens = [\"-\"]\n";

const HEADER: &str = "code,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y\n";
const ONE: &str = "1,Ann,né, x,-7,9000000000,-1.50,1.5,0.1,1e21,yes,2024-02-29,1999-12-31 23:59:59.5,\
    2024-06-01 12:00:00+02,A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11,\"{ \"\"b\"\":1e3,\"\"a\"\":1.50 }\",\
    \"{\"\"b\"\":1e3,\"\"aa\"\":[1.50,\"\"x\"\"]}\",90 minutes,\"{1,2}\",10.0.0.1/8,\\xdeadbeef,\"[1,5)\",\
    2.50,M,12:30,1010\n";
const TWO: &str = "2,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-,-\n";

/// In another spelling.
const ONE_AGAIN: &str = "1,Ann,né, x,-7,9000000000,-1.5,1.500,0.10,1000000000000000000000,TRUE,\
    2024-02-29,1999-12-31T23:59:59.50,2024-06-01 10:00:00Z,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,\
    \"{\"\"a\"\":1.5,\"\"b\"\":1000}\",\"{\"\"aa\"\":[1.5,\"\"x\"\"],\"\"b\"\":1000.0}\",01:30:00,\"{1, 2}\",\
    10.0.0.1/8,\\xDEADBEEF,\"[1,4]\",2.5,M,12:30:00,1010\n";

/// What to write by hand into each column.
const CHANGES: [(&str, &str); 25] = [
    ("a", "'Ann '"),
    ("b", "'ne'"),
    ("c", "'x'"),
    ("d", "7"),
    ("e", "9000000001"),
    ("f", "-1.51"),
    ("g", "1.501"),
    ("h", "0.10000001"),
    ("i", "1e22"),
    ("j", "false"),
    ("k", "'2024-03-01'"),
    ("l", "'1999-12-31 23:59:59.500001'"),
    ("m", "'2024-06-01 12:00:00+00'"),
    ("n", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"),
    ("o", "'{\"b\": 1001, \"a\": 1.5}'"),
    ("p", "'{\"b\": 1000, \"aa\": [1.5, \"y\"]}'"),
    ("q", "'91 minutes'"),
    ("r", "'{2,1}'"),
    ("s", "'10.0.0.2/8'"),
    ("t", "'\\xdeadbeee'"),
    ("u", "'[1,6)'"),
    ("v", "2.51"),
    ("w", "'L'"),
    ("x", "'12:31'"),
    ("y", "'1011'"),
];

#[test]
fn a_change_is_found_in_a_column_of_any_type() {
    let warehouse = Warehouse::with_contract(THINGS_TOML);
    warehouse.execute(THINGS);
    let load = |day: &str, rows: &str| {
        let name = format!("things-2024-07-{day}.csv");
        warehouse.load(&name, format!("{HEADER}{rows}")).exits(0)
    };
    load("01", &format!("{ONE}{TWO}"));
    let again = load("03", &format!("{ONE_AGAIN}{TWO}")).only();
    assert_eq!(again["changes"]["unchanged"], 2, "{again}");
    load("02", &format!("{}{TWO}", ONE.replace("Ann", "Anna")));
    warehouse.run(&["check", "--values"]).exits(0);
    for (column, value) in CHANGES {
        for row in ["code = 1 and version_number = 2", "code = 2"] {
            let (old, new) = (format!("before_{column}"), value);
            warehouse.execute(&format!(
                "create table {old} as select * from datawarehouse.things;
                 update datawarehouse.things set {column} = {new} where {row}"
            ));
            let checked = warehouse
                .run(&["check", "--values", "--format", "json"])
                .exits(1)
                .only();
            let contradictions = checked["values"]["contradictions"].as_u64().unwrap();
            assert!(contradictions > 0, "{column} where {row}");
            warehouse.execute(&format!(
                "update datawarehouse.things as now set {column} = was.{column} from {old} as was
                 where (now.thing_id, now.version_number) = (was.thing_id, was.version_number);
                 drop table {old}"
            ));
        }
    }
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_value_that_no_load_said_is_counted() {
    let warehouse = loaded();
    warehouse.execute(
        "alter table datawarehouse.users add column town text;
         update datawarehouse.users set town = 'Ghent' where name = 'Bob'",
    );
    let checked = warehouse
        .run(&["check", "users", "--values", "--format", "json"])
        .exits(0)
        .only();
    let unproven = &checked["values"]["unproven"][0];
    assert_eq!(unproven["reason"], "said_by_no_load");
    assert_eq!(unproven["column"], "town");
    assert_eq!(unproven["count"], 1);
}

#[test]
fn a_dropped_or_retyped_column_is_no_contradiction() {
    let warehouse = loaded();
    warehouse.execute(
        "drop view datawarehouse.users_changes, datawarehouse.users_history,
             datawarehouse.users_current;
         drop function datawarehouse.users_asof(timestamptz);
         alter table datawarehouse.users alter column date_of_birth type text",
    );
    let text = HAYLOFT_TOML.replace("date_of_birth = { format = \"%d/%m/%Y\" }", "");
    warehouse.write("hayloft.toml", &text);
    let check = || {
        warehouse
            .run(&["check", "users", "--values", "--format", "json"])
            .exits(0)
            .only()
    };
    // A day is the same as text: what was digested is compared.
    assert_eq!(check()["values"]["compared"], 6);
    warehouse.execute(
        "alter table datawarehouse.users alter column date_of_birth type text
         using to_char(date_of_birth::date, 'DD.MM.YYYY')",
    );
    assert_eq!(check()["values"]["unproven"][0]["reason"], "type_changed");
    warehouse.execute("alter table datawarehouse.users drop column date_of_birth cascade");
    assert_eq!(check()["values"]["unproven"][0]["reason"], "column_dropped");
}

#[test]
fn a_fact_that_is_loaded_again_is_not_missed() {
    let warehouse = loaded();
    let file = "id,email,amount,transaction_date\n77,ann@x.org,5,01/01/2025\n";
    warehouse.load("transactions-77.csv", file).exits(0);
    warehouse.execute("delete from datawarehouse.transactions where id = 77");
    warehouse.run(&["check", "--values"]).exits(1);
    warehouse.load("transactions-77.csv", file).exits(0);
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn why_takes_the_uuid_that_check_prints() {
    let warehouse = loaded();
    warehouse.execute("update datawarehouse.transactions set amount = 9 where id = 2");
    let checked = warehouse
        .run(&["check", "transactions", "--values", "--format", "json"])
        .exits(1)
        .only();
    let key = checked["values"]["named"][0]["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let why = ["why", "transactions", &key, "--format", "json"];
    let told = warehouse.run(&why).exits(0).only();
    assert_eq!(told["key"]["id"], "2");
    assert_eq!(told["row"]["values"]["amount"], "9.00");
    let nobody = uuid::Uuid::now_v7().to_string();
    warehouse.run(&["why", "transactions", &nobody]).exits(2);
}
