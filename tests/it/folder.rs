//! What somebody else may have put into the folder: links, directories and files of other users in the
//! place of Hayloft's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::process::{Command, Stdio};

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
fn a_report_names_where_its_file_belongs() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    for number in 1..=2 {
        warehouse.drop_file("users.csv", format!("{BROKEN}{number},{number},{number}\n"));
        assert_eq!(watch.next_load()["status"], "failed");
    }
    let failed = warehouse.names("imports/failed");
    let named = |end: &str| {
        let mut names = failed.iter();
        names
            .find(|name| name.ends_with(end) && name.contains('~'))
            .unwrap()
    };
    let read =
        |name: &str| fs::read_to_string(warehouse.path("imports/failed").join(name)).unwrap();
    let usual = read("users.csv.report.txt");
    assert!(usual.contains("back into the imports folder.\n"), "{usual}");
    let report = read(named("~users.csv.report.txt"));
    assert!(report.contains("imports folder as users.csv, "), "{report}");

    let aside = warehouse.path("imports/failed").join(named("~users.csv"));
    fs::write(&aside, ANN).unwrap();
    fs::rename(&aside, warehouse.path("imports/users.csv")).unwrap();

    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
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

#[test]
fn a_name_of_another_format_is_refused_for_a_named_table_too() {
    let warehouse = Warehouse::new();
    for (name, advice) in [
        ("users.tsv", "commas between the fields"),
        ("users.csv.gz", "unpack it"),
        ("users.xlsx", "save it as CSV"),
    ] {
        warehouse.write(name, ANN);
        for arguments in [&["load", name][..], &["load", "--table", "users", name]] {
            let run = warehouse.run(arguments).exits(2);
            assert!(run.stderr.contains(advice), "{run:#?}");
            let unpack = run.stderr.contains("unpack");
            assert_eq!(unpack, advice == "unpack it", "{run:#?}");
        }
    }
    for name in ["export-17", "export.txt"] {
        warehouse.write(name, ANN);
        warehouse.run(&["load", "--table", "users", name]).exits(0);
    }
}

#[test]
fn quiet_says_nothing_of_what_went_well() {
    let warehouse = Warehouse::new();
    warehouse.write("users.csv", ANN);
    let run = warehouse.run(&["load", "-q", "users.csv"]).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let rows = "email,name,date_of_birth\nbob@x.org,Bob,03/04/1985\n,Nobody,01/02/1990\n";
    warehouse.write("users-2.csv", rows);
    let run = warehouse.run(&["load", "-q", "users-2.csv"]).exits(1);
    assert!(
        run.stdout.contains("1 rejected") || run.stdout.contains("2 rejected"),
        "{run:#?}"
    );
    let run = warehouse.run(&["load", "-q", "--format", "json", "users.csv"]);
    assert_eq!(run.only()["file"], "users.csv");
}

#[test]
fn lines_of_a_watch_have_the_time_at_a_terminal() {
    let warehouse = Warehouse::new();
    let watch = warehouse.command(&["watch"]);
    let program = watch.get_program().to_str().unwrap();
    // `script` runs it at a terminal of its own. Not every system has it.
    let mut script = Command::new("timeout");
    script.args([
        "-s",
        "INT",
        "5",
        "script",
        "-qec",
        &format!("{program} watch"),
        "/dev/null",
    ]);
    script.current_dir(warehouse.folder());
    script.env("DATABASE_URL", warehouse.url());
    script.stdin(Stdio::null());
    if Command::new("script").arg("--version").output().is_err() {
        return;
    }
    let output = script.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said
        .lines()
        .find(|line| line.contains("watching"))
        .expect(&said);
    let (time, _) = line.split_once("  watching").expect(&said);
    let digits: String = time.chars().filter(|letter| *letter != ':').collect();
    assert!(digits.len() == 6 && digits.parse::<u32>().is_ok(), "{time}");
}

/// What the kernel says of a process: a line of its status.
fn of_process(pid: u32, what: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace()
        .skip(1)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn root_is_warned_and_can_go_on_as_another_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let warehouse = Warehouse::new();
    let watch = warehouse.watch_with(&[]);
    watch.wait_for("runs as root");
    watch.wait_for("watching ");
    assert_eq!(watch.stop(), 0);
    fs::set_permissions(warehouse.folder(), Permissions::from_mode(0o755)).unwrap();
    let imports = warehouse.path("imports");
    fs::remove_dir_all(imports.join(".claimed")).unwrap();
    fs::remove_file(imports.join(".hayloft.lock")).unwrap();
    chown(&imports, Some(65_534), Some(65_534)).unwrap();

    let watch = warehouse.watch_with(&["--user", "nobody"]);
    watch.wait_for("watching ");
    for what in ["Uid:", "Gid:"] {
        let ids = of_process(watch.pid(), what);
        assert_eq!(ids, "65534 65534 65534 65534", "{what}");
    }
    assert_eq!(of_process(watch.pid(), "CapEff:"), "0000000000000000");
    warehouse.drop_file("users.csv", ANN);
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
}

#[test]
fn a_user_that_is_none_is_refused() {
    let warehouse = Warehouse::new();
    for (name, part) in [
        ("no-such-user-here", "There is no user"),
        ("root", "fewer rights"),
    ] {
        let run = warehouse.run(&["watch", "--user", name]).exits(2);
        assert!(run.stderr.contains(part), "{run:#?}");
    }
}

#[test]
fn a_log_is_not_written_through_a_link() {
    let warehouse = Warehouse::new();
    let logs = warehouse.path("logs");
    fs::create_dir(&logs).unwrap();
    let today = chrono::Utc::now().format("%Y-%m-%d");
    let link = logs.join(format!("hayloft.{today}.log"));
    symlink(warehouse.path("victim"), &link).unwrap();
    let status = ["status", "--log-file", "logs/hayloft.log"];
    let run = warehouse.run(&status).exits(2);
    assert!(run.stderr.contains("is a link"), "{run:#?}");
    assert!(!warehouse.path("victim").exists());
    fs::remove_file(link).unwrap();
    warehouse.run(&status).exits(0);

    fs::set_permissions(&logs, Permissions::from_mode(0o777)).unwrap();
    let run = warehouse.run(&status).exits(2);
    assert!(run.stderr.contains("chmod o-w"), "{run:#?}");
}
