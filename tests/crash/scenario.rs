//! The base, the files that are dropped on it, and what must be there in the end.

use std::io::Write as _;
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use expect_test::expect;

use crate::support::{HAYLOFT_TOML, PATIENCE, Warehouse, Watch};

/// A warehouse with a base, and files for it in the folder.
pub struct Scenario {
    pub warehouse: Warehouse,
}

/// The program, at the step where it was asked to stop.
pub struct Stopped {
    pub watch: Watch,
    stdin: ChildStdin,
}

/// Quick to take up what lies in the folder; nothing depends on how quick.
const QUICK: &str = "\n[watch]\nsettle = \"10ms\"\nsweep = \"200ms\"\n";

const BASE_USERS: &str = "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,03/04/1985
cat@x.org,Cat,05/06/1980
";

/// Fact 9 waits for Dan.
const BASE_TRANSACTIONS: &str = "id,email,amount,transaction_date
1,ann@x.org,10.00,01/01/2024
2,bob@x.org,20.00,02/01/2024
9,dan@x.org,90.00,09/01/2024
";

/// A changed person, an unchanged one, a new one twice, one that contradicts itself, two rejects.
const USERS: &str = "email,name,date_of_birth
ann@x.org,Anna,01/02/1990
 BOB@x.org,Bob,03/04/1985
dan@x.org,Dan,07/08/1970
dan@x.org,Dan,07/08/1970
eve@x.org,Eve,09/10/1960
eve@x.org,Eva,09/10/1960
,Nobody,01/01/2000
fay@x.org,Fay,31/02/2000
";

/// Not one row of it can be used.
const REFUSED: &str = "email,name,date_of_birth\nno address,Gil,01/01/2000\n";

/// An unchanged fact, a changed one, one of a person who came just now, one that waits, a reject.
const TRANSACTIONS: &str = "id,email,amount,transaction_date
1,ann@x.org,10.00,01/01/2024
2,bob@x.org,25.50,02/01/2024
3,dan@x.org,30.00,03/01/2024
4,zoe@x.org,40.00,04/01/2024
5,ann@x.org,much,05/01/2024
";

impl Scenario {
    pub fn new() -> Self {
        let warehouse = Warehouse::with_contract(&format!("{HAYLOFT_TOML}{QUICK}"));
        warehouse.load("users-base.csv", BASE_USERS).exits(0);
        warehouse
            .load("transactions-base.csv", BASE_TRANSACTIONS)
            .exits(0);
        warehouse.drop_file("users.csv", USERS);
        warehouse.drop_file("users.refused.csv", REFUSED);
        warehouse.drop_file("transactions.csv", TRANSACTIONS);
        Self { warehouse }
    }

    /// Starts the program, and waits until it has come to the step.
    pub fn stop_at(&self, step: &str) -> Stopped {
        let mut command = self.warehouse.command(&["watch", "--format", "json"]);
        Stopped::at(step, &mut command)
    }

    /// Runs the program undisturbed until nothing is left to do.
    pub fn run_to_the_end(&self) {
        // Watching, and so ready for a signal, even where nothing is left to do.
        let watch = self.warehouse.watch();
        self.wait_for_the_end();
        assert_eq!(watch.stop(), 0);
    }

    /// Waits until every file has found its end.
    pub fn wait_for_the_end(&self) {
        wait_until_empty(&self.warehouse);
    }

    /// How many of the dropped files have an entry in the ledger.
    pub fn entries(&self) -> usize {
        let count = "select count(*) from hayloft.load where file_name not like '%-base.csv'";
        self.warehouse.query(count).trim().parse().unwrap()
    }

    /// Has the server end every connection of the program.
    pub fn cut_off(&self) {
        cut_off(&self.warehouse);
    }

    /// Asserts that the end is that of an undisturbed run.
    #[track_caller]
    pub fn assert_end(&self) {
        assert_sound(&self.warehouse);
        expect![[r#"
            -- users
            ann@x.org | 1 | Ann | 1990-02-01 | f | users-base.csv | 2
            ann@x.org | 2 | Anna | 1990-02-01 | t | users.csv | 2
            bob@x.org | 1 | Bob | 1985-04-03 | t | users-base.csv | 3
            cat@x.org | 1 | Cat | 1980-06-05 | t | users-base.csv | 4
            dan@x.org | 1 | Dan | 1970-08-07 | t | users.csv | 4
            eve@x.org | 1 | Eva | 1960-10-09 | t | users.csv | 7
            -- transactions
            1 | ann@x.org | 10.00 | 2024-01-01 | f | transactions-base.csv | 2
            2 | bob@x.org | 25.50 | 2024-01-02 | t | transactions.csv | 3
            3 | dan@x.org | 30.00 | 2024-01-03 | f | transactions.csv | 4
            9 | dan@x.org | 90.00 | 2024-01-09 | f | transactions-base.csv | 4
            -- held
            transactions | {"id": 4, "amount": 40.00, "transaction_date": "2024-01-04"} | transactions.csv | 5 | 1
            -- rejects
            transactions.csv | 6 | amount | bad_type | error | ∅ | 5,ann@x.org,much,05/01/2024
            users.csv | 6 | ∅ | conflicting_duplicate | warning | 7 | eve@x.org,Eve,09/10/1960
            users.csv | 8 | email | null_key | error | ∅ | ,Nobody,01/01/2000
            users.csv | 9 | date_of_birth | bad_type | error | ∅ | fay@x.org,Fay,31/02/2000
            -- ledger
            transactions-base.csv | loaded | t | 3 | 3 | 0 | 0 | 1 | 2 | 0 | 0 | 0 | 0
            transactions.csv | loaded | t | 5 | 4 | 1 | 0 | 1 | 1 | 1 | 0 | 1 | 0
            users-base.csv | loaded | t | 3 | 3 | 0 | 0 | 0 | 3 | 0 | 0 | 0 | 0
            users.csv | loaded | t | 8 | 4 | 2 | 2 | 0 | 2 | 1 | 1 | 1 | 1
            users.refused.csv | failed | f | 1 | 0 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0
            -- folders
            imports: failed
            imports/.claimed: 
            imports/failed: users.refused.csv users.refused.csv.report.txt
            -- reports
            `users.refused.csv` was not loaded into `users`.

            Every row was rejected: 1 of 1.

            Rows: 1 read, 1 rejected, 0 duplicates.
            Nothing of it is in the table. Mend the file and move it back into the imports folder.

            line 2, column 1: `email` is not an e-mail address: it has no @.  [bad_type]
        "#]].assert_eq(&state(&self.warehouse));
    }
}

impl Stopped {
    /// Starts the program, and waits until it has come to the step.
    pub fn at(step: &str, command: &mut Command) -> Self {
        let mut child = command
            .env("HAYLOFT_STOP_AT", step)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let watch = Watch::of(child);
        watch.wait_for("stopped at ");
        Self { watch, stdin }
    }

    pub fn kill(self) {
        self.watch.signal("KILL");
        assert_eq!(self.watch.ended(), 128 + 9);
    }

    /// Lets the program go on from the step.
    pub fn go_on(mut self) -> Watch {
        self.stdin.write_all(b"\n").unwrap();
        self.watch
    }

    /// Tells the program to end until it does, and returns its exit code. The second signal
    /// counts once the first has been heeded, and nothing says when that is.
    pub fn end_at_once(self) -> i32 {
        self.watch.signal("TERM");
        self.watch.signal("INT");
        self.watch.ended()
    }
}

/// Has the server end every connection of the program.
pub fn cut_off(warehouse: &Warehouse) {
    warehouse.query(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity
         where datname = current_database() and application_name = 'hayloft'",
    );
}

/// Waits until nothing lies in the folder, and nothing is claimed.
#[track_caller]
pub fn wait_until_empty(warehouse: &Warehouse) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let dropped = warehouse.names("imports");
        let claimed = warehouse.names("imports/.claimed");
        let waiting = dropped.iter().any(|name| name.contains(".csv"));
        if !waiting && claimed.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{dropped:?} and {claimed:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Everything that a load leaves, but ids and times.
pub fn state(warehouse: &Warehouse) -> String {
    let tables = warehouse.query(
        "select '-- users';
         select email, version_number, name, date_of_birth, is_current, load.file_name, source_line
         from datawarehouse.users join hayloft.load using (load_id)
         order by email, version_number;
         select '-- transactions';
         select transactions.id, coalesce(email, '?'), amount, transaction_date,
             updated_at > created_at, load.file_name, transactions.source_line
         from datawarehouse.transactions
         left join datawarehouse.users on users.user_id = transactions.user_id and is_current
         join hayloft.load on load.load_id = transactions.load_id
         order by transactions.id;
         select '-- held';
         select held.table_name, row - 'user_id', file_name, held.source_line,
             (select count(*) from hayloft.held_reference as waits
              where waits.fact_key = held.fact_key)
         from hayloft.held_fact as held join hayloft.load using (load_id)
         order by row ->> 'id';",
    );
    let ledger = warehouse.query(
        "select '-- rejects';
         select file_name, line, column_name, kind, severity, winner_line, original
         from hayloft.reject join hayloft.load using (load_id)
         order by file_name, line, reject_id;
         select '-- ledger';
         select file_name, status, effective_at is not null as instant,
             rows_read, rows_accepted, rows_rejected, rows_duplicate, rows_held,
             keys_inserted, keys_updated, keys_deactivated, keys_unchanged, facts_released
         from hayloft.load order by table_name, load_id;",
    );
    let folders = ["imports", "imports/.claimed", "imports/failed"]
        .map(|folder| format!("{folder}: {}\n", warehouse.names(folder).join(" ")))
        .concat();
    let reports: String = warehouse
        .names("imports/failed")
        .iter()
        .map(|name| warehouse.path("imports/failed").join(name))
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    format!("{tables}{ledger}-- folders\n{folders}-- reports\n{reports}")
}

/// Asserts what holds whatever was loaded: the program's own check finds nothing, no file was loaded
/// twice, and nothing of the program is left in the server.
#[track_caller]
pub fn assert_sound(warehouse: &Warehouse) {
    warehouse.assert_sound();
    assert_eq!(warehouse.query(LOADED_TWICE), "");
    // A session that was cut off or killed takes a moment to go.
    warehouse.wait_until(RESIDUE, "");
}

const LOADED_TWICE: &str =
    "select file_name from hayloft.load group by table_name, file_name having count(*) > 1";

/// Open transactions, advisory locks and sessions of the program.
pub const RESIDUE: &str = "
    select application_name, state, query from pg_stat_activity
    where datname = current_database() and application_name = 'hayloft'
    union all
    select 'lock', mode, '' from pg_locks
    where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())";
