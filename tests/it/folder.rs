//! What somebody else may have put into the folder: links, directories and files of other users in the
//! place of Hayloft's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use crate::support::{HAYLOFT_TOML, Warehouse};

const ANN: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
/// A file of no table.
const BROKEN: &str = "no,such,columns\n1,2,3\n";

#[test]
fn a_report_does_not_write_through_a_link() {
    let warehouse = Warehouse::new();
    let victim = warehouse.write("victim", "precious");
    fs::create_dir(warehouse.path("imports/failed")).unwrap();
    symlink(
        &victim,
        warehouse.path("imports/failed/users.csv.report.txt"),
    )
    .unwrap();
    let watch = warehouse.watch();

    warehouse.drop_file("users.csv", BROKEN);

    assert_eq!(watch.next_load()["status"], "failed");
    assert_eq!(watch.stop(), 0);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    let report = warehouse.path("imports/failed/users.csv.report.txt");
    assert!(report.symlink_metadata().unwrap().is_file());
}

#[test]
fn a_link_in_the_place_of_a_folder_is_refused() {
    let warehouse = Warehouse::new();
    fs::create_dir(warehouse.path("victim")).unwrap();
    warehouse.drop_file("users.csv", ANN);
    for name in ["failed", "held", "kept", "archive", ".claimed"] {
        let link = warehouse.path("imports").join(name);
        symlink(warehouse.path("victim"), &link).unwrap();
        let run = warehouse.run(&["watch"]).exits(2);
        let place = format!("{name}` is a link");
        assert!(run.stderr.contains(&place), "{run:#?}");
        fs::remove_file(link).unwrap();
    }
    assert_eq!(warehouse.names("imports"), ["users.csv"]);
    assert!(warehouse.names("victim").is_empty());
}

#[test]
fn a_lock_that_is_none_is_told_as_a_lock_file() {
    let warehouse = Warehouse::new();
    let lock = warehouse.path("imports/.hayloft.lock");
    symlink(warehouse.path("victim"), &lock).unwrap();
    let run = warehouse.run(&["watch"]).exits(2);
    assert!(run.stderr.contains(".hayloft.lock` is a link"), "{run:#?}");
    assert!(!warehouse.path("victim").exists());
    fs::remove_file(&lock).unwrap();

    fs::create_dir(&lock).unwrap();
    let run = warehouse.run(&["watch"]).exits(2);
    assert!(run.stderr.contains("it is no file"), "{run:#?}");
}

#[test]
fn a_folder_that_all_can_write_to_is_refused() {
    let warehouse = Warehouse::new();
    let failed = warehouse.path("imports/failed");
    fs::create_dir(&failed).unwrap();
    fs::set_permissions(&failed, Permissions::from_mode(0o777)).unwrap();
    let run = warehouse.run(&["watch"]).exits(2);
    assert!(run.stderr.contains("chmod o-w"), "{run:#?}");
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let warehouse = Warehouse::new();
    let failed = warehouse.path("imports/failed");
    fs::create_dir(&failed).unwrap();
    // Only root can give a folder away.
    if chown(&failed, Some(12_345), None).is_ok() {
        let run = warehouse.run(&["watch"]).exits(2);
        assert!(run.stderr.contains("uid 12345"), "{run:#?}");
    }
}

#[test]
fn a_link_that_is_swapped_in_while_watching_gets_no_file() {
    let warehouse = Warehouse::new();
    fs::create_dir(warehouse.path("victim")).unwrap();
    let failed = warehouse.path("imports/failed");
    let watch = warehouse.watch();
    symlink(warehouse.path("victim"), &failed).unwrap();

    warehouse.drop_file("users.csv", BROKEN);

    watch.wait_for("is a link");
    assert!(warehouse.names("victim").is_empty());
    fs::remove_file(&failed).unwrap();
    assert_eq!(watch.next_load()["status"], "failed");
    assert_eq!(
        warehouse.names("imports/failed"),
        ["users.csv", "users.csv.report.txt"]
    );
    assert_eq!(watch.stop(), 0);
}

#[test]
fn a_loaded_file_is_not_archived_through_a_link() {
    let toml = HAYLOFT_TOML.replace("[tables.users]", "[tables.users]\non_done = \"archive\"");
    let warehouse = Warehouse::with_contract(&toml);
    fs::create_dir(warehouse.path("victim")).unwrap();
    symlink(warehouse.path("victim"), warehouse.path("imports/archive")).unwrap();
    warehouse.write("users.csv", ANN);
    let run = warehouse.run(&["load", "users.csv", "--retire"]).exits(3);
    assert!(run.stderr.contains("is a link"), "{run:#?}");
    assert!(warehouse.names("victim").is_empty());
    assert!(warehouse.path("users.csv").exists());
}

#[test]
fn an_export_is_not_written_through_a_link() {
    let warehouse = Warehouse::new();
    let rows = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,\n";
    warehouse.load("users.csv", rows).exits(1);
    symlink("victim", warehouse.path("mended.csv")).unwrap();
    let run = warehouse.run(&["rejects", "export", "1", "--output", "mended.csv"]);
    assert!(run.exits(2).stderr.contains("is there already"));
    assert!(!warehouse.path("victim").exists());
}
