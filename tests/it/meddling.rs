//! What becomes of a file that somebody touches while it is being loaded.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{HAYLOFT_TOML, Warehouse};

const ANN: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
const BOB: &str = "email,name,date_of_birth\nbob@x.org,Bob,03/04/1985\n";

/// The file in `.claimed/` whose name ends like this, as soon as there is one.
fn claim_of(warehouse: &Warehouse, ending: &str) -> PathBuf {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let names = warehouse.names("imports/.claimed");
        if let Some(name) = names.iter().find(|name| name.ends_with(ending)) {
            return warehouse.path("imports/.claimed").join(name);
        }
        assert!(
            Instant::now() < deadline,
            "no claim of {ending:?}: {names:?}"
        );
        thread::yield_now();
    }
}

#[test]
fn a_file_that_is_written_to_after_it_was_read_is_not_deleted() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    let locked = warehouse.locked("datawarehouse.users");
    warehouse.drop_file("users.csv", ANN);
    warehouse.wait_until_blocked();
    let mut writer = OpenOptions::new()
        .append(true)
        .open(claim_of(&warehouse, "users.csv"))
        .unwrap();
    writer.write_all(b"bob@x.org,Bob,03/04/1985\n").unwrap();
    drop(writer);
    drop(locked);

    assert_eq!(watch.next_load()["rows"]["read"], 1);

    watch.wait_for("written to after it had been read");
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports/.claimed").is_empty());
    let kept = fs::read_to_string(warehouse.path("imports/failed/users.csv")).unwrap();
    assert!(kept.contains("bob@x.org"), "{kept}");
}

#[test]
fn a_file_that_took_the_place_of_a_loaded_one_is_not_deleted() {
    let warehouse = Warehouse::new();
    warehouse.run(&["migrate"]).exits(0);
    let locked = warehouse.locked("datawarehouse.users");
    let users = warehouse.write("users.csv", ANN);
    let load = warehouse.start(&["load", "--retire", "users.csv"]);
    warehouse.wait_until_blocked();
    let newer = warehouse.write("newer.csv", BOB);
    fs::rename(newer, &users).unwrap();
    drop(locked);

    let run = load.finish().exits(0);

    assert!(run.stderr.contains("not removed"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(users).unwrap(), BOB);
}

#[test]
fn a_claimed_file_that_somebody_removes_does_not_stop_its_table() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    let locked = warehouse.locked("datawarehouse.users");
    warehouse.drop_file("users.csv", ANN);
    warehouse.wait_until_blocked();
    // The next one waits behind the first: claimed, and not opened yet.
    warehouse.drop_file("users-2.csv", BOB);
    let second = claim_of(&warehouse, "users-2.csv");
    fs::remove_file(second).unwrap();
    warehouse.drop_file("users-3.csv", ANN.replace("Ann", "Anna"));
    drop(locked);

    assert_eq!(watch.next_load()["file"], "users.csv");
    watch.wait_for("`users-2.csv` is no longer in");
    assert_eq!(watch.next_load()["file"], "users-3.csv");
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

#[test]
fn a_file_that_cannot_be_removed_does_not_stop_its_table() {
    let toml = HAYLOFT_TOML.replace("[tables.users]", "[tables.users]\non_done = \"keep\"");
    let warehouse = Warehouse::with_contract(&toml);
    let watch = warehouse.watch();
    // A file where the folder should be: nothing can be moved there.
    let _ = fs::remove_dir(warehouse.path("imports/kept"));
    let in_the_way = warehouse.write("imports/kept", "");
    warehouse.drop_file("users.csv", ANN);
    watch.wait_for("`users.csv`: The file is done with, but could not be removed");
    warehouse.drop_file("users-2.csv", BOB);
    watch.wait_for("`users-2.csv`: The file is done with, but could not be removed");
    assert_eq!(warehouse.names("imports/.claimed").len(), 2);

    fs::remove_file(in_the_way).unwrap();

    assert_eq!(watch.next_load()["file"], "users.csv");
    assert_eq!(watch.next_load()["file"], "users-2.csv");
    assert!(watch.said().is_empty(), "said once");
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports/.claimed").is_empty());
    assert_eq!(
        warehouse.names("imports/kept"),
        ["users-2.csv", "users.csv"]
    );
    assert_eq!(
        warehouse.query("select count(*) from hayloft.load").trim(),
        "2"
    );
    warehouse.assert_sound();
}
