//! A plan counts what the load counts that follows, and writes nothing, in whatever way a file
//! speaks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::support::{HAYLOFT_TOML, Warehouse};

/// A warehouse after some loads, and the file that comes next.
struct Case {
    /// More for the table `users`, below its durable key.
    settings: &'static str,
    /// More for its columns.
    columns: &'static str,
    before: &'static [(&'static str, &'static str)],
    next: (&'static str, &'static str),
    /// What the load counts, so that a case is what it says.
    counts: &'static [(&'static str, u64)],
}

const PEOPLE: (&str, &str) = (
    "users.csv",
    "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,01/02/1991
",
);

const PLAIN: Case = Case {
    settings: "",
    columns: "",
    before: &[PEOPLE],
    next: ("users-2.csv", ""),
    counts: &[],
};

const DATED: &str = "effective = { file_name = \"%Y-%m-%d\" }";
const STAMPED: &str = "effective = { column = \"at\" }";

impl Case {
    fn warehouse(&self) -> Warehouse {
        let toml = HAYLOFT_TOML
            .replace(
                "durable_key = \"user_id\"",
                &format!("durable_key = \"user_id\"\n{}", self.settings),
            )
            .replace(
                "[tables.users.columns]",
                &format!("[tables.users.columns]\n{}", self.columns),
            );
        let warehouse = Warehouse::with_contract(&toml);
        for (name, text) in self.before {
            let run = warehouse.load(name, text);
            assert!(run.status <= 1, "{run:#?}");
        }
        warehouse
    }

    /// Plans the next file, loads it by this command, and compares.
    fn holds_for(&self, command: &str) {
        let warehouse = self.warehouse();
        let (name, text) = self.next;
        warehouse.write(name, text);
        let before = everything(&warehouse);
        let plan = warehouse.run(&["plan", name, "--format", "json"]);
        assert_same(&before, &everything(&warehouse));
        let load = warehouse.run(&[command, name, "--format", "json"]);
        if command == "load" {
            assert_eq!(plan.status, load.status, "{plan:#?}\n{load:#?}");
        }
        let (plan, load) = (plan.only(), load.only());
        for counted in ["rows", "changes"] {
            assert_eq!(plan[counted], load[counted], "{counted} of {name}");
        }
        assert_eq!(plan["held_facts_released"], released(&warehouse));
        for (count, expected) in self.counts {
            let found = [&load["rows"][count], &load["changes"][count], &plan[count]];
            assert!(
                found.contains(&&Value::from(*expected)),
                "{count} is not {expected} in {load:#}\n{plan:#}"
            );
        }
        warehouse.assert_sound();
    }

    fn holds(&self) {
        self.holds_for("load");
    }
}

/// What the last load let in.
fn released(warehouse: &Warehouse) -> Value {
    let released =
        warehouse.query("select facts_released from hayloft.load order by load_id desc limit 1");
    released.trim().parse::<u64>().unwrap().into()
}

/// Each row of each table, with the place that it lies at and who wrote it; the catalog; each file
/// below the project folder, with its times.
fn everything(warehouse: &Warehouse) -> BTreeMap<String, String> {
    let digests = warehouse.query(
        "select string_agg(format('select %L, coalesce(md5(string_agg(
                 r.xmin::text || r.ctid::text || r::text, '''' order by r.ctid)), ''empty'')
             from %I.%I as r', relation.oid::regclass, namespace.nspname, relation.relname),
             ' union all ')
         from pg_class as relation
         join pg_namespace as namespace on namespace.oid = relation.relnamespace
         where relation.relkind = 'r' and (
             namespace.nspname in ('datawarehouse', 'hayloft', 'public')
             or namespace.nspname = 'pg_catalog' and relation.relname in (
                 'pg_attribute', 'pg_proc', 'pg_rewrite', 'pg_constraint', 'pg_namespace'))",
    );
    let answers = warehouse.query(&digests);
    let mut all: BTreeMap<String, String> = answers
        .lines()
        .map(|answer| {
            let (table, digest) = answer.split_once(" | ").unwrap();
            (table.to_owned(), digest.to_owned())
        })
        .collect();
    assert!(all.len() > 10, "{all:?}");
    for path in files(warehouse.folder()) {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let times = (metadata.modified().unwrap(), changed(&metadata));
        let content = if metadata.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        all.insert(
            path.display().to_string(),
            format!("{times:?} {}", String::from_utf8_lossy(&content)),
        );
    }
    all
}

fn changed(metadata: &fs::Metadata) -> SystemTime {
    use std::os::unix::fs::MetadataExt as _;
    use std::time::Duration;
    SystemTime::UNIX_EPOCH + Duration::from_secs(metadata.ctime().unsigned_abs())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[track_caller]
fn assert_same(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
    let other = |(what, content): &(&String, &String)| before.get(*what) != Some(*content);
    let written: Vec<_> = after.iter().filter(other).collect();
    assert!(written.is_empty(), "written to: {written:#?}");
    assert_eq!(before.len(), after.len());
}

#[test]
fn of_a_plain_file_with_rejects_and_duplicates() {
    Case {
        next: (
            "users-2.csv",
            "email,name,date_of_birth
ann@x.org,Anne,01/02/1990
bob@x.org,Bob,01/02/1991
bob@x.org,Bob,01/02/1991
cat@x.org,Cat,01/02/1992
cat@x.org,Kat,01/02/1992
dan@x.org,Dan,yesterday
eva@x.org,Eva,01/02/1994
fay@x.org,Fay,01/02/1994
gus@x.org,Gus,01/02/1994
hal@x.org,Hal,01/02/1994
ida@x.org,Ida,01/02/1994
",
        ),
        counts: &[
            ("rejected", 1),
            ("duplicates", 2),
            ("updated", 1),
            ("unchanged", 1),
            ("inserted", 6),
        ],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_the_same_bytes_again() {
    Case {
        next: ("users-2.csv", PEOPLE.1),
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_a_late_file() {
    Case {
        settings: DATED,
        before: &[
            (
                "users-2024-01-10.csv",
                "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
",
            ),
            (
                "users-2024-03-10.csv",
                "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,01/02/1991
cat@x.org,Cat,01/02/1992
",
            ),
        ],
        next: (
            "users-2024-02-10.csv",
            "email,name,date_of_birth
ann@x.org,Anna,01/02/1990
bob@x.org,Bob,01/02/1991
cat@x.org,Kat,01/02/1992
",
        ),
        counts: &[("split", 2), ("moved", 1)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_rows_with_instants_late_and_corrected_and_too_late() {
    Case {
        settings: "effective = { column = \"at\" }\nhorizon = \"20000d\"",
        columns: "name = { role = \"type1\" }",
        before: &[(
            "users.csv",
            "at,email,name,date_of_birth
2024-01-10,ann@x.org,Ann,01/02/1990
2024-03-10,ann@x.org,Ann,01/02/1991
2024-01-10,bob@x.org,Bob,01/02/1991
",
        )],
        next: (
            "users-2.csv",
            "at,email,name,date_of_birth
2024-02-10,ann@x.org,Ann,01/02/1992
2024-01-10,bob@x.org,Rob,01/02/1999
1901-01-10,cat@x.org,Cat,01/02/1900
9999-01-10,dan@x.org,Dan,01/02/1900
2024-02-10,eva@x.org,Eva,01/02/1900
2024-03-10,eva@x.org,Eve,01/02/1900
2024-04-10,eva@x.org,Eve,01/02/1901
2024-05-10,eva@x.org,Eve,01/02/1902
2024-06-10,eva@x.org,Eve,01/02/1903
2024-07-10,eva@x.org,Eve,01/02/1904
2024-08-10,eva@x.org,Eve,01/02/1905
2024-09-10,eva@x.org,Eve,01/02/1906
2024-10-10,eva@x.org,Eve,01/02/1907
2024-11-10,eva@x.org,Eve,01/02/1908
2024-12-10,eva@x.org,Eve,01/02/1909
2025-01-10,eva@x.org,Eve,01/02/1910
2025-02-10,eva@x.org,Eve,01/02/1911
2025-03-10,eva@x.org,Eve,01/02/1912
2025-04-10,eva@x.org,Eve,01/02/1913
2025-05-10,eva@x.org,Eve,01/02/1914
",
        ),
        counts: &[
            ("rejected", 2),
            ("split", 1),
            ("corrected", 1),
            ("overwritten", 1),
            ("inserted", 1),
        ],
    }
    .holds();
}

#[test]
fn of_late_rows_that_the_contract_refuses() {
    Case {
        settings: "effective = { column = \"at\" }\nlate = \"reject\"",
        before: &[(
            "users.csv",
            "at,email,name,date_of_birth
2024-03-10,ann@x.org,Ann,01/02/1990
",
        )],
        next: (
            "users-2.csv",
            "at,email,name,date_of_birth
2024-02-10,ann@x.org,Anna,01/02/1990
2024-02-10,bob@x.org,Bob,01/02/1990
",
        ),
        counts: &[("rejected", 1), ("inserted", 1)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_a_feed() {
    Case {
        settings: "mode = \"feed\"\nop = \"op\"\neffective = { column = \"at\" }\nsequence = [\"n\"]",
        before: &[(
            "users.csv",
            "op,at,n,email,name,date_of_birth
c,2024-01-10,1,ann@x.org,Ann,01/02/1990
c,2024-01-10,2,bob@x.org,Bob,01/02/1990
c,2024-01-10,3,cat@x.org,Cat,01/02/1990
d,2024-01-20,4,cat@x.org,,
",
        )],
        next: (
            "users-2.csv",
            "op,at,n,email,name,date_of_birth
u,2024-02-10,5,ann@x.org,Anna,01/02/1990
u,2024-02-10,6,ann@x.org,Anne,01/02/1990
d,2024-02-10,7,bob@x.org,,
d,2024-02-10,8,bob@x.org,,
d,2024-02-10,9,dan@x.org,,
u,2024-02-10,10,cat@x.org,Cat,01/02/1990
u,2024-01-05,11,cat@x.org,Cat,01/02/1990
",
        ),
        counts: &[("closed", 1), ("absent_already", 1), ("reopened", 1)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_a_feed_whose_deletes_are_ignored() {
    Case {
        settings: "mode = \"feed\"\nop = \"op\"\neffective = { column = \"at\" }\n\
                   deletes = \"ignore\"",
        before: &[(
            "users.csv",
            "op,at,email,name,date_of_birth
c,2024-01-10,ann@x.org,Ann,01/02/1990
",
        )],
        next: (
            "users-2.csv",
            "op,at,email,name,date_of_birth
d,2024-02-10,ann@x.org,,
u,2024-03-10,ann@x.org,Ann,01/02/1991
",
        ),
        counts: &[("absent_already", 1), ("updated", 1), ("closed", 0)],
        ..PLAIN
    }
    .holds();
}

const SNAPSHOTS: &str = "mode = \"snapshot\"\neffective = { file_name = \"%Y-%m-%d\" }";

const JANUARY_AND_MARCH: &[(&str, &str)] = &[
    (
        "users-2024-01-10.csv",
        "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,01/02/1990
cat@x.org,Cat,01/02/1990
",
    ),
    (
        "users-2024-03-10.csv",
        "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,01/02/1990
",
    ),
];

#[test]
fn of_a_snapshot_in_order() {
    Case {
        settings: SNAPSHOTS,
        before: JANUARY_AND_MARCH,
        next: (
            "users-2024-04-10.csv",
            "email,name,date_of_birth
ann@x.org,Anna,01/02/1990
cat@x.org,Cat,01/02/1990
",
        ),
        counts: &[("closed_by_absence", 1), ("reopened", 1), ("updated", 1)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_a_late_snapshot() {
    Case {
        settings: SNAPSHOTS,
        before: JANUARY_AND_MARCH,
        next: (
            "users-2024-02-10.csv",
            "email,name,date_of_birth
ann@x.org,Anna,01/02/1990
dan@x.org,Dan,01/02/1990
",
        ),
        counts: &[("closed_by_absence", 2), ("split", 2), ("inserted", 0)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_a_snapshot_with_a_row_that_cannot_be_read() {
    Case {
        settings: "mode = \"snapshot\"\neffective = { file_name = \"%Y-%m-%d\" }\n\
                   guards = { max_reject_fraction = 0.9 }",
        before: JANUARY_AND_MARCH,
        next: (
            "users-2024-04-10.csv",
            "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,never
",
        ),
        counts: &[("rejected", 1), ("closed_by_absence", 0)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_a_snapshot_that_is_held_until_its_closes_are_accepted() {
    Case {
        settings: "mode = \"snapshot\"\neffective = { file_name = \"%Y-%m-%d\" }\n\
                   guards = { min_rows = 2 }",
        before: JANUARY_AND_MARCH,
        next: (
            "users-2024-04-10.csv",
            "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
",
        ),
        counts: &[("closed_by_absence", 1)],
        ..PLAIN
    }
    .holds_for("accept-closes");
}

#[test]
fn of_a_file_with_a_new_column_that_fills() {
    Case {
        settings: "on_new_column = \"fill_current\"",
        next: (
            "users-2.csv",
            "email,name,date_of_birth,phone
ann@x.org,Ann,01/02/1990,1
bob@x.org,Rob,01/02/1991,2
cat@x.org,Cat,01/02/1991,3
",
        ),
        counts: &[("filled", 1), ("updated", 1), ("inserted", 1)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_a_late_file_with_a_new_column_that_makes_versions() {
    Case {
        settings: "effective = { column = \"at\" }\non_new_column = \"version\"",
        before: &[(
            "users.csv",
            "at,email,name,date_of_birth
2024-01-10,ann@x.org,Ann,01/02/1990
2024-03-10,ann@x.org,Anna,01/02/1990
",
        )],
        next: (
            "users-2.csv",
            "at,email,name,date_of_birth,phone
2024-02-10,ann@x.org,Ann,01/02/1990,1
",
        ),
        counts: &[("split", 1)],
        ..PLAIN
    }
    .holds();
}

const OF_DAN: (&str, &str) = (
    "transactions.csv",
    "id,email,amount,transaction_date
1,ann@x.org,1.00,01/02/2024
2,dan@x.org,2.00,01/02/2024
3,dan@x.org,3.00,01/02/2024
",
);

const PEOPLE_AND_FACTS: &[(&str, &str)] = &[PEOPLE, OF_DAN];

#[test]
fn of_a_file_for_which_facts_have_waited() {
    Case {
        before: PEOPLE_AND_FACTS,
        next: (
            "users-2.csv",
            "email,name,date_of_birth
dan@x.org,Dan,01/02/1990
",
        ),
        counts: &[("held_facts_released", 2), ("inserted", 1)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_a_late_file_for_which_facts_have_waited() {
    Case {
        settings: STAMPED,
        before: &[
            (
                "users.csv",
                "at,email,name,date_of_birth
2024-03-10,ann@x.org,Ann,01/02/1990
",
            ),
            OF_DAN,
        ],
        next: (
            "users-2.csv",
            "at,email,name,date_of_birth
2024-01-10,ann@x.org,Anna,01/02/1990
2024-01-10,dan@x.org,Dan,01/02/1990
",
        ),
        counts: &[("held_facts_released", 2), ("moved", 0), ("split", 1)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_facts_that_are_new_and_changed_and_held() {
    Case {
        before: PEOPLE_AND_FACTS,
        next: (
            "transactions-2.csv",
            "id,email,amount,transaction_date
1,ann@x.org,1.50,01/02/2024
2,dan@x.org,2.00,01/02/2024
4,bob@x.org,4.00,01/02/2024
5,zoe@x.org,5.00,01/02/2024
",
        ),
        counts: &[("held", 2), ("inserted", 1), ("updated", 1)],
        ..PLAIN
    }
    .holds();
}

#[test]
fn of_a_file_that_is_refused() {
    Case {
        next: (
            "users-2.csv",
            "email,name,date_of_birth
nobody,Nobody,01/02/1990
",
        ),
        counts: &[("rejected", 1)],
        ..PLAIN
    }
    .holds();
}

/// What a turn would do, what it does, and what it did.
fn turn_as_planned(warehouse: &Warehouse, turn: &str, load: &str) -> Value {
    let before = everything(warehouse);
    let asked = warehouse.run(&[turn, load, "--format", "json"]).exits(2);
    assert_same(&before, &everything(warehouse));
    let plan = asked.only();
    let run = warehouse
        .run(&[turn, load, "--yes", "--format", "json"])
        .exits(0);
    let [again, done] = run.json().try_into().unwrap();
    assert_eq!(again, plan);
    for counted in ["rows", "changes"] {
        assert_eq!(plan[counted], done[counted], "{counted} of {turn}");
    }
    assert_eq!(plan["held_facts_released"], released(warehouse));
    warehouse.assert_sound();
    plan
}

#[test]
fn of_an_undo_and_a_redo() {
    let case = Case {
        settings: STAMPED,
        columns: "name = { role = \"type1\" }",
        before: &[
            (
                "users.csv",
                "at,email,name,date_of_birth
2024-01-10,ann@x.org,Ann,01/02/1990
2024-01-10,bob@x.org,Bob,01/02/1990
",
            ),
            (
                "users-2.csv",
                "at,email,name,date_of_birth
2024-02-10,ann@x.org,Anna,01/02/1991
2024-01-10,bob@x.org,Rob,01/02/1991
2024-02-10,dan@x.org,Dan,01/02/1990
",
            ),
            (
                "users-3.csv",
                "at,email,name,date_of_birth
2024-03-10,ann@x.org,Anne,01/02/1990
",
            ),
        ],
        ..PLAIN
    };
    let warehouse = case.warehouse();
    let undone = turn_as_planned(&warehouse, "undo", "2");
    assert_eq!(undone["changes"]["closed"], 1);
    assert_eq!(undone["changes"]["updated"], 2);
    warehouse
        .load(OF_DAN.0, OF_DAN.1.replace("ann@", "bob@"))
        .exits(0);
    let redone = turn_as_planned(&warehouse, "redo", "2");
    assert_eq!(redone["held_facts_released"], 2);
    assert_eq!(redone["changes"]["inserted"], 1);
}

#[test]
fn of_an_undo_and_a_redo_of_a_snapshot() {
    let case = Case {
        settings: SNAPSHOTS,
        before: JANUARY_AND_MARCH,
        ..PLAIN
    };
    let warehouse = case.warehouse();
    let undone = turn_as_planned(&warehouse, "undo", "2");
    assert_eq!(undone["changes"]["updated"], 1);
    let redone = turn_as_planned(&warehouse, "redo", "2");
    assert_eq!(redone["changes"]["closed_by_absence"], 1);
}
