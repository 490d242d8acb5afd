//! Two and more at work on one history: late files, corrections, undos. The end is that of a serial
//! order; where each row says from when on it holds, and no two speak of one instant, that of any.

use std::fmt::Write as _;

use crate::dice::Dice;
use crate::support::{HAYLOFT_TOML, Running, Warehouse};

/// The rows say from when on they hold, and the date of birth keeps no history.
fn warehouse() -> Warehouse {
    let toml = HAYLOFT_TOML
        .replace(
            "durable_key = \"user_id\"",
            "durable_key = \"user_id\"\neffective = { column = \"changed_at\" }",
        )
        .replace("date_of_birth = {", "date_of_birth = { role = \"type1\",");
    Warehouse::with_contract(&toml)
}

/// Fifty rows about ten people, each from its moment on, in seconds.
fn rows(dice: &mut Dice, file: usize, mut moment: impl FnMut(&mut Dice, usize) -> usize) -> String {
    let mut csv = "email,name,date_of_birth,changed_at\n".to_owned();
    for row in 0..50 {
        let person = row % 10;
        let name = ["Ann", "Bob", "Cat"][dice.below(3)];
        let moment = moment(dice, row);
        let _ = writeln!(
            csv,
            "p{person}@x.org,{name},01/0{}/1990,2024-01-01T00:{:02}:{:02}Z",
            1 + dice.below(9),
            moment / 60,
            moment % 60
        );
    }
    let _ = writeln!(csv, "only{file}@x.org,Dan,01/01/1990,2024-01-01T00:00:00Z");
    csv
}

/// Files of which no two speak of one instant of a person.
fn untied(dice: &mut Dice, files: usize) -> Vec<String> {
    (0..files)
        .map(|file| rows(dice, file, |_, row| row / 10 * files + file))
        .collect()
}

/// Files that correct each other.
fn tied(dice: &mut Dice, files: usize) -> Vec<String> {
    (0..files)
        .map(|file| rows(dice, file, |dice, _| dice.below(12)))
        .collect()
}

fn name(file: usize) -> String {
    format!("users-{file}.csv")
}

/// Every version, with the file and the line that it is owed to.
fn history(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select email, version_number, name, date_of_birth, effective_start_date,
             effective_end_date, file_name, source_line
         from datawarehouse.users join hayloft.load using (load_id)
         order by email, version_number",
    )
}

/// The history that these files make, one after the other.
fn one_after_the_other<'a>(files: impl IntoIterator<Item = (String, &'a String)>) -> String {
    let warehouse = warehouse();
    for (name, text) in files {
        warehouse.load(&name, text).exits(0);
    }
    warehouse.assert_sound();
    history(&warehouse)
}

/// Starts commands that are all held up at the table, so that they are there together, and lets
/// them go.
fn at_once(warehouse: &Warehouse, commands: &[Vec<&str>]) -> Vec<Running> {
    let blocker = warehouse.locked("datawarehouse.users");
    let running = commands
        .iter()
        .map(|command| warehouse.start(command))
        .collect();
    warehouse.wait_until(
        "select count(*) from pg_stat_activity
         where datname = current_database() and application_name = 'hayloft'
           and wait_event_type = 'Lock'",
        &commands.len().to_string(),
    );
    drop(blocker);
    running
}

fn load_at_once(warehouse: &Warehouse, files: &[String]) {
    let names: Vec<String> = (0..files.len()).map(name).collect();
    for (name, text) in names.iter().zip(files) {
        warehouse.write(name, text);
    }
    let commands: Vec<Vec<&str>> = names.iter().map(|name| vec!["load", name]).collect();
    for load in at_once(warehouse, &commands) {
        load.finish().exits(0);
    }
}

#[test]
fn late_files_that_are_loaded_at_once_make_the_history_of_any_order() {
    let mut dice = Dice(11);
    let files = untied(&mut dice, 4);
    let warehouse = warehouse();
    load_at_once(&warehouse, &files);
    warehouse.assert_sound();
    let together = history(&warehouse);
    let named = || (0..).map(name).zip(&files);
    assert_eq!(together, one_after_the_other(named()));
    let backwards: Vec<_> = named().collect();
    assert_eq!(together, one_after_the_other(backwards.into_iter().rev()));
}

#[test]
fn files_that_correct_each_other_at_once_make_the_history_of_the_order_of_their_loads() {
    let mut dice = Dice(12);
    let files = tied(&mut dice, 4);
    let warehouse = warehouse();
    load_at_once(&warehouse, &files);
    warehouse.assert_sound();
    let order = warehouse.query("select file_name from hayloft.load order by load_id");
    let place = |name: &str| {
        (0..files.len())
            .find(|file| self::name(*file) == name)
            .unwrap()
    };
    let order = order
        .lines()
        .map(|name| (name.to_owned(), &files[place(name)]));
    assert_eq!(history(&warehouse), one_after_the_other(order));
}

#[test]
fn a_load_that_is_undone_while_a_file_comes_might_as_well_not_have_been() {
    let mut dice = Dice(13);
    let files = untied(&mut dice, 3);
    let warehouse = warehouse();
    warehouse.load(&name(0), &files[0]);
    warehouse.load(&name(1), &files[1]);
    warehouse.write(&name(2), &files[2]);
    let third = name(2);
    let commands = [vec!["undo", "2", "--yes"], vec!["load", &third]];
    for running in at_once(&warehouse, &commands) {
        running.finish().exits(0);
    }
    warehouse.assert_sound();
    let rest = [0, 2].map(|file| (name(file), &files[file]));
    assert_eq!(history(&warehouse), one_after_the_other(rest));
}

#[test]
fn a_load_that_is_undone_twice_at_once_is_undone_once() {
    let mut dice = Dice(14);
    let files = tied(&mut dice, 2);
    let warehouse = warehouse();
    warehouse.load(&name(0), &files[0]);
    warehouse.load(&name(1), &files[1]);
    let undo = vec!["undo", "2", "--yes"];
    let mut runs: Vec<_> = at_once(&warehouse, &[undo.clone(), undo])
        .into_iter()
        .map(Running::finish)
        .collect();
    runs.sort_by_key(|run| run.status);
    assert_eq!((runs[0].status, runs[1].status), (0, 2), "{runs:#?}");
    assert!(runs[1].stderr.contains("is undone already"), "{runs:#?}");
    let undone = "select count(*) from hayloft.load where action = 'undo'";
    assert_eq!(warehouse.query(undone), "1\n");
    warehouse.assert_sound();
    assert_eq!(
        history(&warehouse),
        one_after_the_other([(name(0), &files[0])])
    );
}

#[test]
fn two_loads_are_undone_at_once_and_redone_at_once() {
    let mut dice = Dice(15);
    let files = tied(&mut dice, 3);
    let warehouse = warehouse();
    for (file, text) in files.iter().enumerate() {
        warehouse.load(&name(file), text);
    }
    let all = history(&warehouse);
    for (turn, end) in [
        ("undo", one_after_the_other([(name(1), &files[1])])),
        ("redo", all),
    ] {
        let commands = [vec![turn, "1", "--yes"], vec![turn, "3", "--yes"]];
        for running in at_once(&warehouse, &commands) {
            running.finish().exits(0);
        }
        warehouse.assert_sound();
        assert_eq!(history(&warehouse), end, "{turn}");
    }
}
