//! The demonstration, which checks its own counts.

use std::process::{Command, Output};

use hayloft::db::Embedded;

/// Its server is stopped however the test ends.
struct Home(tempfile::TempDir);

impl Home {
    fn demo(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_hayloft"))
            .args(["demo", "--home"])
            .arg(self.0.path())
            // A folder without hayloft.toml, and a database that must not be asked.
            .current_dir(self.0.path())
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
            .output()
            .unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = Embedded::in_folder(&self.0.path().join("demo")).stop();
    }
}

#[test]
fn the_demo_keeps_its_promises_also_the_second_time_and_on_nobodys_database() {
    let home = Home(tempfile::tempdir().unwrap());
    let first = told(&home.demo());
    let second = told(&home.demo());
    assert_eq!(without_times(&first), without_times(&second));
    for promise in [
        "10,024 people in 10,224 versions, 20,148 transactions, 2 held, 6 rejects.",
        "Zoë Müller-O'Connor",
        "1249.00   124.90",
    ] {
        assert!(first.contains(promise), "{promise} in\n{first}");
    }
    let home = home.0.path().to_str().unwrap();
    for line in first.lines().filter(|line| !line.contains(home)) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

fn told(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Without the lines that name a time or a temporary folder.
fn without_times(text: &str) -> Vec<&str> {
    let has_none = |line: &&str| {
        ![" s, load", " open ", "  no  ", "folder "]
            .iter()
            .any(|part| line.contains(part))
    };
    text.lines().filter(has_none).collect()
}
