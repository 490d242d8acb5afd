//! What becomes of people when files about them come in.

use crate::support::Warehouse;
use expect_test::expect;

#[test]
fn a_changed_name_closes_the_version_and_opens_the_next() {
    let warehouse = Warehouse::new();
    warehouse
        .load(
            "users.csv",
            "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,03/04/1985\n",
        )
        .exits(0);
    let run = warehouse
        .load(
            "users-2.csv",
            "email,name,date_of_birth\nann@x.org,Anna,01/02/1990\nbob@x.org,Bob,03/04/1985\n",
        )
        .exits(0);

    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | f
        ann@x.org | 2 | Anna | 1990-02-01 | t
        bob@x.org | 1 | Bob | 1985-04-03 | t
    "]]
    .assert_eq(&warehouse.users());
    let load = run.only();
    assert_eq!(load["status"], "loaded");
    assert_eq!(load["changes"]["inserted"], 0);
    assert_eq!(load["changes"]["updated"], 1);
    assert_eq!(load["changes"]["deactivated"], 1);
    assert_eq!(load["changes"]["unchanged"], 1);
}

#[test]
fn a_file_dropped_into_the_folder_is_loaded_and_removed() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    warehouse.drop_file(
        "users.csv",
        "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n",
    );
    assert_eq!(watch.next_load()["changes"]["inserted"], 1);
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports").is_empty());
    assert!(warehouse.names("imports/.claimed").is_empty());
}
