//! Warehouses with a past, what is done to them, and what must be there in the end.

use std::ops::Range;

use expect_test::{ExpectFile, expect_file};

use crate::scenario::{RESIDUE, Stopped, wait_until_empty};
use crate::support::{HAYLOFT_TOML, Warehouse, Watch};

/// A warehouse, and something to do to it.
pub struct Story {
    pub warehouse: Warehouse,
    act: Act,
    end: ExpectFile,
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    /// A command is typed. The number is its exit code when it is typed again later.
    Typed(&'static [&'static str], i32),
    /// Files lie in the folder, and the watch takes them.
    Dropped,
}

/// Quick to take up what lies in the folder; nothing depends on how quick.
const QUICK: &str = "\n[watch]\nsettle = \"10ms\"\nsweep = \"200ms\"\n";

/// `users` with these settings, and a date of birth that keeps no history.
fn warehouse(settings: &str) -> Warehouse {
    let toml = HAYLOFT_TOML
        .replace(
            "durable_key = \"user_id\"",
            &format!("durable_key = \"user_id\"\n{settings}"),
        )
        .replace("date_of_birth = {", "date_of_birth = { role = \"type1\",");
    Warehouse::with_contract(&format!("{toml}{QUICK}"))
}

/// The rows say from when on they hold.
const STAMPED: &str = "effective = { column = \"changed_at\" }";

const JANUARY: &str = "email,name,date_of_birth,changed_at
ann@x.org,Ann,01/02/1990,2024-01-10
bob@x.org,Bob,03/04/1985,2024-01-10
";

/// A person who changes, in two ways; one who is corrected; one who comes.
const FEBRUARY: &str = "email,name,date_of_birth,changed_at
ann@x.org,Anna,01/02/1991,2024-02-10
bob@x.org,Rob,03/04/1985,2024-01-10
dan@x.org,Dan,07/08/1970,2024-02-10
";

const MARCH: &str = "email,name,date_of_birth,changed_at
ann@x.org,Anne,01/02/1990,2024-03-10
cat@x.org,Cat,05/06/1980,2024-03-10
";

const TRANSACTIONS: &str = "id,email,amount,transaction_date
1,ann@x.org,10.00,01/01/2024
2,bob@x.org,20.00,02/01/2024
";

/// Of whom nobody has heard, until February is loaded.
const OF_DAN: &str = "id,email,amount,transaction_date\n9,dan@x.org,90.00,09/01/2024\n";

const CORRECTED: &str = "id,email,amount,transaction_date
1,ann@x.org,11.00,01/01/2024
2,bob@x.org,20.00,02/01/2024
3,bob@x.org,30.00,03/01/2024
9,dan@x.org,90.00,09/01/2024
";

const AGAIN: &str = "id,email,amount,transaction_date
2,bob@x.org,22.00,02/01/2024
3,bob@x.org,30.00,03/01/2024
";

/// Each file holds from the day in its name on, and names everybody.
const SNAPSHOTS: &str = "mode = \"snapshot\"\neffective = { file_name = \"%Y-%m-%d\" }";

const HELD: &str = "imports/held/users-2024-02-10.csv";

fn people(numbers: Range<usize>) -> String {
    let rows = numbers.map(|number| format!("p{number}@x.org,P{number},01/02/1990\n"));
    format!("email,name,date_of_birth\n{}", rows.collect::<String>())
}

fn renamed(numbers: Range<usize>) -> String {
    people(numbers).replace(",P", ",Q")
}

fn load(warehouse: &Warehouse, name: &str, text: &str) {
    warehouse.load(name, text).exits(0);
}

impl Story {
    /// A load between two others is undone.
    pub fn undo() -> Self {
        let warehouse = warehouse(STAMPED);
        load(&warehouse, "users-1.csv", JANUARY);
        load(&warehouse, "users-2.csv", FEBRUARY);
        load(&warehouse, "users-3.csv", MARCH);
        load(&warehouse, "transactions.csv", TRANSACTIONS);
        Self {
            warehouse,
            act: Act::Typed(&["undo", "2", "--yes"], 2),
            end: expect_file!["ends/undo.txt"],
        }
    }

    /// It is put in again, and a fact has waited for it.
    pub fn redo() -> Self {
        let warehouse = warehouse(STAMPED);
        load(&warehouse, "users-1.csv", JANUARY);
        load(&warehouse, "users-2.csv", FEBRUARY);
        load(&warehouse, "users-3.csv", MARCH);
        warehouse.run(&["undo", "2", "--yes"]).exits(0);
        load(&warehouse, "transactions.csv", OF_DAN);
        Self {
            warehouse,
            act: Act::Typed(&["redo", "2", "--yes"], 2),
            end: expect_file!["ends/redo.txt"],
        }
    }

    /// Facts with a load in the middle: it corrected one, repeated one, brought one, and one that
    /// waits.
    fn facts() -> Warehouse {
        let warehouse = warehouse(STAMPED);
        load(&warehouse, "users-1.csv", JANUARY);
        load(&warehouse, "transactions-1.csv", TRANSACTIONS);
        load(&warehouse, "transactions-2.csv", CORRECTED);
        load(&warehouse, "transactions-3.csv", AGAIN);
        warehouse
    }

    /// A load of facts between two others is undone.
    pub fn undo_of_facts() -> Self {
        Self {
            warehouse: Self::facts(),
            act: Act::Typed(&["undo", "3", "--yes"], 2),
            end: expect_file!["ends/undo_of_facts.txt"],
        }
    }

    /// It is put in again.
    pub fn redo_of_facts() -> Self {
        let warehouse = Self::facts();
        warehouse.run(&["undo", "3", "--yes"]).exits(0);
        Self {
            warehouse,
            act: Act::Typed(&["redo", "3", "--yes"], 2),
            end: expect_file!["ends/redo_of_facts.txt"],
        }
    }

    /// A file comes late, and a fact has waited for it.
    pub fn late() -> Self {
        let warehouse = warehouse(STAMPED);
        load(&warehouse, "users-1.csv", JANUARY);
        load(&warehouse, "users-3.csv", MARCH);
        load(&warehouse, "transactions.csv", OF_DAN);
        warehouse.drop_file("users-2.csv", FEBRUARY);
        Self {
            warehouse,
            act: Act::Dropped,
            end: expect_file!["ends/late.txt"],
        }
    }

    /// Small files that wait together; a fact has waited for one of their people.
    pub fn together() -> Self {
        let toml = HAYLOFT_TOML.replace(
            "durable_key = \"user_id\"",
            "durable_key = \"user_id\"\neffective = { file_name = \"%Y-%m-%d\" }",
        );
        let warehouse = Warehouse::with_contract(&format!("{toml}{QUICK}"));
        load(&warehouse, "users-2024-01-10.csv", &people(0..3));
        let dan = "id,email,amount,transaction_date\n9,p3@x.org,90.00,09/01/2024\n";
        load(&warehouse, "transactions.csv", dan);
        for (month, people) in [(2, people(1..4)), (3, renamed(0..4)), (4, people(2..5))] {
            warehouse.drop_file(&format!("users-2024-0{month}-10.csv"), people);
        }
        Self {
            warehouse,
            act: Act::Dropped,
            end: expect_file!["ends/together.txt"],
        }
    }

    /// A snapshot closes who is not in it.
    pub fn snapshot() -> Self {
        let warehouse = warehouse(SNAPSHOTS);
        load(&warehouse, "users-2024-01-10.csv", &people(0..6));
        warehouse.drop_file("users-2024-03-10.csv", people(2..7));
        Self {
            warehouse,
            act: Act::Dropped,
            end: expect_file!["ends/snapshot.txt"],
        }
    }

    /// A snapshot that comes late does, up to the next one.
    pub fn late_snapshot() -> Self {
        let warehouse = warehouse(SNAPSHOTS);
        load(&warehouse, "users-2024-01-10.csv", &people(0..6));
        load(&warehouse, "users-2024-03-10.csv", &people(2..7));
        warehouse.drop_file("users-2024-02-10.csv", people(1..4));
        Self {
            warehouse,
            act: Act::Dropped,
            end: expect_file!["ends/late_snapshot.txt"],
        }
    }

    /// A snapshot that closes too much is let in.
    pub fn accept_closes() -> Self {
        let story = Self {
            act: Act::Typed(&["accept-closes", HELD], 2),
            end: expect_file!["ends/accept_closes.txt"],
            ..Self::held()
        };
        story.watch_to_the_end();
        assert_eq!(story.warehouse.names("imports/held").len(), 2);
        story
    }

    /// A snapshot that closes too much comes.
    pub fn held() -> Self {
        let warehouse = warehouse(SNAPSHOTS);
        load(&warehouse, "users-2024-01-10.csv", &people(0..21));
        warehouse.drop_file("users-2024-02-10.csv", people(0..3));
        Self {
            warehouse,
            act: Act::Dropped,
            end: expect_file!["ends/held.txt"],
        }
    }

    /// Files whose instants are beside them: one to load, one that is refused.
    pub fn sidecars() -> Self {
        let warehouse = warehouse("effective = \"sidecar\"");
        warehouse.drop_file("users-1.csv", people(0..2));
        warehouse.drop_file("users-1.csv.effective", "2024-01-10");
        warehouse.drop_file(
            "users-2.csv",
            "email,name,date_of_birth\n,Nobody,01/02/1990\n",
        );
        warehouse.drop_file("users-2.csv.effective", "2024-02-10");
        Self {
            warehouse,
            act: Act::Dropped,
            end: expect_file!["ends/sidecars.txt"],
        }
    }

    /// Files that markers show to be complete: one to load, one that is refused.
    pub fn markers() -> Self {
        let warehouse =
            warehouse("effective = { file_name = \"%Y-%m-%d\" }\nwatch = { ready = \"marker\" }");
        warehouse.drop_file("users-2024-01-10.csv", people(0..2));
        warehouse.drop_file(
            "users-2024-02-10.csv",
            "email,name,date_of_birth\n,Nobody,01/02/1990\n",
        );
        warehouse.drop_file("users-2024-01-10.csv.done", "");
        warehouse.drop_file("users-2024-02-10.csv.done", "");
        Self {
            warehouse,
            act: Act::Dropped,
            end: expect_file!["ends/markers.txt"],
        }
    }

    /// Does it, and waits until it has come to the step.
    pub fn stop_at(&self, step: &str) -> Stopped {
        let arguments: &[&str] = match self.act {
            Act::Typed(arguments, _) => arguments,
            Act::Dropped => &["watch", "--format", "json"],
        };
        Stopped::at(step, &mut self.warehouse.command(arguments))
    }

    /// Does it, undisturbed.
    pub fn go(&self) {
        match self.act {
            Act::Typed(arguments, _) => _ = self.warehouse.run(arguments).exits(0),
            Act::Dropped => self.watch_to_the_end(),
        }
    }

    /// Does it again, after it has happened.
    pub fn go_again(&self) {
        match self.act {
            Act::Typed(arguments, code) => _ = self.warehouse.run(arguments).exits(code),
            Act::Dropped => self.watch_to_the_end(),
        }
    }

    /// Waits for the end of what went on from a step.
    pub fn wait_for_the_end(&self, running: Watch) {
        if self.act == Act::Dropped {
            wait_until_empty(&self.warehouse);
            assert_eq!(running.stop(), 0);
        } else {
            assert_eq!(running.ended(), 0);
        }
    }

    fn watch_to_the_end(&self) {
        let watch = self.warehouse.watch();
        wait_until_empty(&self.warehouse);
        assert_eq!(watch.stop(), 0);
    }

    /// Everything in the database, but ids and times.
    pub fn tables(&self) -> String {
        self.warehouse.wait_until(RESIDUE, "");
        self.warehouse.query(TABLES)
    }

    fn folders(&self) -> String {
        ["imports", "imports/failed", "imports/held"]
            .map(|folder| format!("{folder}: {}\n", self.warehouse.names(folder).join(" ")))
            .concat()
    }

    /// Asserts that the database holds what it does in the end.
    #[track_caller]
    pub fn assert_end_of_tables(&self) {
        let end = self.end.data();
        let (tables, _) = end.split_once("-- folders").unwrap();
        let tables: Vec<&str> = tables.trim().lines().map(str::trim).collect();
        assert_eq!(self.tables().lines().collect::<Vec<_>>(), tables);
    }

    /// Asserts that history is as it is in the end, and that one more load changed nothing of it.
    #[track_caller]
    pub fn assert_end_and_a_load_without_effect(&self) {
        let history = |text: &str| {
            let (history, _) = text.split_once("-- observations").unwrap();
            history.to_owned()
        };
        assert_eq!(history(&self.tables()), history(&self.end.data()));
        assert_eq!(
            self.folders(),
            self.end.data().split_once("-- folders\n").unwrap().1
        );
        let changes = "select keys_inserted + keys_updated + keys_deactivated + keys_corrected
                       from hayloft.load order by load_id desc limit 1";
        assert_eq!(self.warehouse.query(changes).trim(), "0");
        self.warehouse.assert_sound();
    }

    /// Asserts that the end is that of an undisturbed run, and sound.
    #[track_caller]
    pub fn assert_end(&self) {
        let folders = self.folders();
        self.end
            .assert_eq(&format!("{}-- folders\n{folders}", self.tables()));
        self.warehouse.assert_sound();
    }
}

/// Everything in the database, but ids and the times of loads.
const TABLES: &str = "
    select '-- users';
    select email, version_number, name, date_of_birth, effective_start_date::date,
        effective_end_date::date, load.file_name, source_line
    from datawarehouse.users join hayloft.load using (load_id)
    order by email, version_number;
    select '-- transactions';
    select transactions.id, coalesce(email, '?'), amount, load.file_name, transactions.source_line
    from datawarehouse.transactions
    left join datawarehouse.users on users.user_id = transactions.user_id and is_current
    join hayloft.load on load.load_id = transactions.load_id
    order by transactions.id;
    select '-- held';
    select held.table_name, row - 'user_id', file_name, held.source_line
    from hayloft.held_fact as held join hayloft.load using (load_id)
    order by row ->> 'id';
    select '-- observations';
    select file_name, line, at::date, presence
    from hayloft.observation join hayloft.load using (load_id)
    order by file_name, line;
    select '-- payloads';
    select file_name, line, row
    from hayloft.payload join hayloft.load using (load_id)
    order by file_name, line, row;
    select '-- manifests';
    select file_name, kind, octet_length(keys) / 8
    from hayloft.manifest join hayloft.load using (load_id)
    order by file_name, kind;
    select '-- rejects';
    select file_name, line, kind from hayloft.reject join hayloft.load using (load_id)
    order by file_name, line;
    select '-- ledger';
    select file_name, action, status, case table_name when 'users' then effective_at::date end,
        closes_accepted_by is not null as accepted, (
        select string_agg(key || ' ' || value, ', ' order by key)
        from jsonb_each_text(to_jsonb(load))
        where (key like any (array['rows%', 'keys%']) or key = 'facts_released') and value <> '0'
    )
    from hayloft.load order by load_id;";
